import { lowTrustPieces } from './native-low.ts'
import { isClientPart, isClientText, isSure, lastPart, type OpenEntry, outlineOf } from './native-open.ts'
import type { Piece } from './split.ts'

/** The pieces that an entry leaves; `isDoubted` when headings that seem to follow it may be text of a client within it. */
export type Ending = { pieces: Piece[]; isDoubted: boolean }

/** Ends an entry whose own Z heading has come; `end` is the file offset behind it. */
export function endWhole(entry: OpenEntry, end: number): Ending {
  const { start, heading, store } = entry
  if (entry.isOversize) return { pieces: [tooLong(start, end)], isDoubted: true }
  const text = `${store.text(0)}${heading.boundary}Z--\n`
  return { pieces: [{ kind: 'entry', format: heading.format, trust: 'full', text, start, end }], isDoubted: !isSure(entry) }
}

/** Ends an entry that was never finished: at file offset `at` something else begins. */
export function endTorn(entry: OpenEntry, at: number): Ending {
  const { start, heading, store } = entry
  if (entry.isTampered) return endTampered(entry, at)
  if (entry.isOversize) return { pieces: [tooLong(start, at)], isDoubted: true }
  const last = lastPart(entry)
  if (!isClientPart(entry, last.letter)) return { pieces: [torn(start, at)], isDoubted: !isSure(entry) }
  const pieces = [torn(start, last.offset), ...lowTrustPieces(store.text(last.at), last.offset, heading.format)]
  return { pieces, isDoubted: isClientText(entry, at) }
}

/** Ends an entry within which somebody else wrote headings: only its parts A and B can be told apart from what was sent. */
export function endTampered(entry: OpenEntry, end: number): Ending {
  const outline = outlineOf(entry)
  const rest: Piece = {
    kind: 'skipped',
    problem: 'tampered with: headings of the entry stand within it',
    start: outline?.end ?? entry.start,
    end,
  }
  return { pieces: outline ? [outline, rest] : [rest], isDoubted: true }
}

/** A stretch of an entry that was never finished. */
export function torn(start: number, end: number): Piece {
  return { kind: 'skipped', problem: 'torn entry', start, end }
}

function tooLong(start: number, end: number): Piece {
  return { kind: 'skipped', problem: 'longer than an entry may be', start, end }
}
