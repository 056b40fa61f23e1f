import { type Shape, SYMBOLS } from '../fields/shape.ts'
import type { KeyTable, Profile } from './profile.ts'

/** What a group that never had a symbol counts as having had. */
const NEVER = 0.02
const TINY = 1e-250

const present = new Uint8Array(SYMBOLS)
const chances = new Float64Array(SYMBOLS)
const counts = new Float64Array(SYMBOLS)

/** How strange it is that just these symbols occur in a value, in bits: the sum of -log2 of each one's chance under its key, backed off from the
 *  `upper` level (path, or host again) to the host, to the name anywhere, to the group. Ids are -1 for none. */
export function presenceBits(
  profile: Profile,
  group: number,
  { ids, upper, upperId }: { ids: { anywhere: number; atHost: number }; upper: KeyTable; upperId: number },
  shape: Shape,
): number {
  let found = 0
  for (let symbol = 0; symbol < SYMBOLS; symbol++) {
    if (((symbol < 32 ? shape.low >> symbol : shape.high >> (symbol - 32)) & 1) === 0) continue
    present[found++] = symbol
    chances[symbol] = (profile.groupPresence[group * SYMBOLS + symbol]! + NEVER) / (profile.groupFields[group]! + 1)
  }
  refine(profile.anywhere, ids.anywhere, found)
  refine(profile.atHost, ids.atHost, found)
  refine(upper, upperId, found)
  let product = 1
  let bits = 0
  for (let at = 0; at < found; at++) {
    product *= chances[present[at]!]!
    if (product < TINY) {
      bits -= Math.log2(product)
      product = 1
    }
  }
  return bits - Math.log2(product)
}

/** Takes the chances one level up: (count + chance below) / (fields + 1). */
function refine(table: KeyTable, key: number, found: number): void {
  if (key < 0) return
  const first = table.presenceStart[key]!
  const end = table.presenceStart[key + 1]!
  for (let at = first; at < end; at++) counts[table.presenceSymbol[at]!] = table.presenceCount[at]!
  const fields = table.fields[key]! + 1
  for (let at = 0; at < found; at++) {
    const symbol = present[at]!
    chances[symbol] = (counts[symbol]! + chances[symbol]!) / fields
  }
  for (let at = first; at < end; at++) counts[table.presenceSymbol[at]!] = 0
}
