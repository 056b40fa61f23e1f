import { type ByteStore, createByteStore } from './byte-store.ts'
import { bodyLength, v2Proof } from './native-proof.ts'
import { type Heading, LAYOUTS } from './shapes.ts'
import type { Piece } from './split.ts'
import type { Doubt } from './waiting.ts'

/** Behind a body its entry's next heading follows within so many bytes. */
export const HEADING_SLACK = 64

/** A native entry that has begun and not ended. */
export type OpenEntry = {
  heading: Heading
  /** File offset of its A heading. */
  start: number
  store: ByteStore
  /** Its own headings so far; `at` is where the part's text begins, in the store and (`offset`) in the file. */
  parts: { letter: string; at: number; offset: number }[]
  /** Where a body that is being logged must be over by what the headers say; file offset. */
  bodyEnd: number | undefined
  /** Another entry seems to begin within the body: that is the client's text, or the body is torn. */
  hasForeign: boolean
  isTampered: boolean
  /** Too long to keep: the store is empty, only headings are looked for. */
  isOversize: boolean
  /** Parts A and B of a tampered entry whose text has already been let go. */
  outline: Piece | undefined
  partA: string | undefined
}

/** Begins an entry with its A heading, which stands at file offset `start`. */
export function beginEntry(heading: Heading, start: number): OpenEntry {
  const store = createByteStore()
  const line = Buffer.from(`${heading.boundary}A--\n`, 'latin1')
  store.append(line, 0, line.length)
  const parts = [{ letter: 'A', at: line.length, offset: start + line.length }]
  return {
    heading,
    start,
    store,
    parts,
    bodyEnd: undefined,
    hasForeign: false,
    isTampered: false,
    isOversize: false,
    outline: undefined,
    partA: undefined,
  }
}

/** Takes up again an entry whose end was forged, at one of its headings; the part's text begins at file offset `offset`. */
export function reopenEntry(heading: Heading, { start, outline, partA }: Doubt, offset: number): OpenEntry {
  const parts = [{ letter: heading.part, at: 0, offset }]
  return {
    heading,
    start,
    store: createByteStore(),
    parts,
    bodyEnd: undefined,
    hasForeign: false,
    isTampered: true,
    isOversize: true,
    outline,
    partA,
  }
}

/** Notes an own heading whose part's text begins at file offset `offset`; a part out of the engine's order means tampered. */
export function beginPart(entry: OpenEntry, letter: string, offset: number) {
  const { order } = LAYOUTS[entry.heading.format]
  if (order.indexOf(letter) <= order.indexOf(lastPart(entry).letter)) entry.isTampered = true
  entry.hasForeign = false
  const length = isClientPart(entry, letter) && hasWholeBodies(entry, 'CEIJ') ? lengthOf(entry, letter) : undefined
  entry.bodyEnd = length === undefined ? undefined : offset + length
  entry.parts.push({ letter, at: entry.store.length(), offset })
}

export function lastPart(entry: OpenEntry) {
  return entry.parts.at(-1)!
}

/** Tells whether a client can have written what stands at file offset `start`. */
export function isClientText(entry: OpenEntry, start: number): boolean {
  if (!isClientPart(entry, lastPart(entry).letter)) return false
  return entry.bodyEnd === undefined || entry.hasForeign || start <= entry.bodyEnd
}

/** Tells whether a client can begin lines in a part. */
export function isClientPart(entry: OpenEntry, letter: string): boolean {
  return LAYOUTS[entry.heading.format].clientParts.includes(letter)
}

/** Gives the file offset behind which no heading of this entry can follow that has not been seen, undefined when its headers do not tell. */
export function knownEnd(entry: OpenEntry): number | undefined {
  if (entry.isTampered || entry.isOversize) return undefined
  const ends = entry.parts.flatMap(({ letter, offset }) =>
    isClientPart(entry, letter) ? [offset + (lengthOf(entry, letter) ?? Number.NaN) + HEADING_SLACK] : [],
  )
  const end = Math.max(...ends)
  return Number.isFinite(end) ? end : undefined
}

/** Tells whether no heading so far can be text of a client: every body is as long as its headers say, or part H names the transaction. Where only
 *  a response is in doubt the time will do: to use that, a client needs a page that repeats its lines, and the microsecond. */
export function isSure(entry: OpenEntry): boolean {
  if (entry.isTampered || entry.isOversize) return false
  if (hasWholeBodies(entry, 'CEIJ')) return true
  const proven = proof(entry)
  return proven === 'id' || (proven === 'time' && hasWholeBodies(entry, 'CIJ'))
}

/** Tells how well part H belongs to part A; only v2 writes one that can tell. */
export function proof(entry: OpenEntry, partA = partOf(entry, 'A')): ReturnType<typeof v2Proof> {
  if (entry.heading.format !== 'v2-native' || entry.isOversize) return 'none'
  return v2Proof(partA, partOf(entry, 'H'))
}

/** Gives parts A and B as an entry of low trust: true, but what belongs to them cannot be told apart from what was sent. */
export function outlineOf(entry: OpenEntry): Piece | undefined {
  if (entry.outline || entry.isOversize) return entry.outline
  const next = entry.parts.findIndex(({ letter }) => letter !== 'A' && letter !== 'B')
  const head = `${entry.heading.boundary}A--\n`.length
  const end = next < 0 ? entry.store.length() : headingStart(entry, next)
  const text = `${entry.store.text(0, end)}${entry.heading.boundary}Z--\n`
  const last = entry.parts[next < 0 ? entry.parts.length - 1 : next]!
  const endOffset = next < 0 ? last.offset : last.offset - head
  return { kind: 'entry', format: entry.heading.format, trust: 'low', text, start: entry.start, end: endOffset }
}

function hasWholeBodies(entry: OpenEntry, letters: string): boolean {
  if (entry.isOversize) return false
  return entry.parts.every(({ letter, at }, index) => {
    if (!isClientPart(entry, letter) || !letters.includes(letter)) return true
    const logged = partEnd(entry, index) - at
    // Nothing is written there as yet.
    if (letter === 'I' || letter === 'J') return logged <= 2
    const length = lengthOf(entry, letter)
    return length !== undefined && logged >= length && logged <= length + 2
  })
}

function lengthOf(entry: OpenEntry, letter: string): number | undefined {
  if (entry.isOversize || (letter !== 'C' && letter !== 'E')) return undefined
  if (letter === 'E' && partOf(entry, 'B').startsWith('HEAD ')) return 0
  return bodyLength(partOf(entry, letter === 'C' ? 'B' : 'F'))
}

/** Gives the text of a part, '' when there is none (yet); the last one if it is there twice, for that is the server's own. */
export function partOf(entry: OpenEntry, letter: string): string {
  const index = entry.parts.findLastIndex(part => part.letter === letter)
  return index < 0 ? '' : entry.store.text(entry.parts[index]!.at, partEnd(entry, index))
}

function partEnd(entry: OpenEntry, index: number): number {
  return index + 1 < entry.parts.length ? headingStart(entry, index + 1) : entry.store.length()
}

function headingStart(entry: OpenEntry, index: number): number {
  return entry.parts[index]!.at - entry.heading.boundary.length - 'A--\n'.length
}
