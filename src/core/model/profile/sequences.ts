import type { Group } from '../fields/fields.ts'
import { type Shape, SYMBOLS } from '../fields/shape.ts'
import { CONTEXTS, findContext, type Profile, type SequenceTable } from './profile.ts'

/** How strange a value's sequence of symbols is, in bits: the worst window of eight symbols by the group's chances (`window`) and by those of its
 *  key (`keyWindow`), the mean and the worst single symbol by its key; and where the windows end and the symbol stands, in symbols. */
export type SequenceBits = { window: number; keyWindow: number; mean: number; single: number } & {
  windowAt: number
  keyWindowAt: number
  singleAt: number
}

const WINDOW = 8
const CUBE = SYMBOLS ** 3
/** Products of chances are turned into bits before they leave the range of numbers. */
const TINY = 1e-250
/** By how much a product that was carried along can be off, and after how many symbols it is made anew. */
const CLOSE = 1 + 1e-9
const CARRIED = 1024
/** From so many symbols on it pays to lay the contexts of a key out as a table. */
const LONG = 128

const recent = new Float64Array(WINDOW)
const recentKey = new Float64Array(WINDOW)
const placesAnywhere = new Int32Array(CONTEXTS)
const placesAtHost = new Int32Array(CONTEXTS)

/** Walks a value's symbols (and its end). The chance of a symbol is that of its group behind the last three, then smoothed by what was seen behind the
 *  last two under the name anywhere, then at the host; `anywhere` and `atHost` are key ids, -1 for none. */
export function sequenceBits(
  profile: Profile,
  group: Group,
  { anywhere, atHost }: { anywhere: number; atHost: number },
  { symbols, length }: Shape,
): SequenceBits {
  const { row, chance } = profile.groupSequences
  const { anywhereSequences, atHostSequences } = profile
  const rows = group * CUBE
  let [a, b, d, least, leastKey, single, product, bits] = [0, 0, 0, 1, 1, 1, 1, 0]
  let [windowAt, keyWindowAt, singleAt] = [0, 0, 0]
  let [window, keyWindow] = [1, 1]
  const ofAnywhere = anywhere >= 0 && length >= LONG ? placesOf(anywhereSequences, anywhere, placesAnywhere) : undefined
  const ofHost = atHost >= 0 && length >= LONG ? placesOf(atHostSequences, atHost, placesAtHost) : undefined
  recent.fill(1)
  recentKey.fill(1)
  for (let index = 0; index <= length; index++) {
    const s = index < length ? symbols[index]! : 0
    const context = b * SYMBOLS + d
    const general = chance[row[rows + a * SYMBOLS * SYMBOLS + context]! * SYMBOLS + s]!
    let own = general
    if (anywhere >= 0) own = smoothed(anywhereSequences, ofAnywhere?.[context] ?? findContext(anywhereSequences, anywhere, context), s, own)
    if (atHost >= 0) own = smoothed(atHostSequences, ofHost?.[context] ?? findContext(atHostSequences, atHost, context), s, own)
    const slot = index & (WINDOW - 1)
    if ((index & (CARRIED - 1)) === 0) [window, keyWindow] = [product8(recent), product8(recentKey)]
    window *= general / recent[slot]!
    keyWindow *= own / recentKey[slot]!
    recent[slot] = general
    recentKey[slot] = own
    // The product that is carried along only tells whether to work it out.
    if (window < least * CLOSE) {
      window = product8(recent)
      if (window < least) {
        least = window
        windowAt = index
      }
    }
    if (keyWindow < leastKey * CLOSE) {
      keyWindow = product8(recentKey)
      if (keyWindow < leastKey) {
        leastKey = keyWindow
        keyWindowAt = index
      }
    }
    if (own < single) {
      single = own
      singleAt = index
    }
    product *= own
    if (product < TINY) {
      bits -= Math.log2(product)
      product = 1
    }
    a = b
    b = d
    d = s
  }
  const mean = (bits - Math.log2(product)) / (length + 1)
  return { window: -Math.log2(least), keyWindow: -Math.log2(leastKey), mean, single: -Math.log2(single), windowAt, keyWindowAt, singleAt }
}

function product8(values: Float64Array): number {
  let product = 1
  for (let place = 0; place < WINDOW; place++) product *= values[place]!
  return product
}

/** Lays out where each context of a key stands in its table; -1 where nothing was seen. */
function placesOf(table: SequenceTable, key: number, places: Int32Array): Int32Array {
  places.fill(-1)
  for (let place = table.contextStart[key]!; place < table.contextStart[key + 1]!; place++) places[table.context[place]!] = place
  return places
}

/** Witten-Bell: (count + types * chance below) / (total + types); the chance below where the context was never seen (`place` -1). */
function smoothed(table: SequenceTable, place: number, symbol: number, below: number): number {
  if (place < 0) return below
  const first = table.nextStart[place]!
  const end = table.nextStart[place + 1]!
  const types = end - first
  let count = 0
  for (let at = first; at < end; at++) {
    if (table.nextSymbol[at] === symbol) {
      count = table.nextCount[at]!
      break
    }
  }
  return (count + types * below) / (table.total[place]! + types)
}
