import { type Ending, endTampered, endTorn, endWhole, torn } from './native-ends.ts'
import {
  beginEntry,
  beginPart,
  HEADING_SLACK,
  isClientText,
  knownEnd,
  lastPart,
  type OpenEntry,
  outlineOf,
  partOf,
  proof,
  reopenEntry,
} from './native-open.ts'
import { gluedHeading, type Heading, headingAt, isALine, JSON_START } from './shapes.ts'
import type { Piece } from './split.ts'
import type { Doubt, Waiting } from './waiting.ts'

// How native entries are cut, when anybody can write headings into a body and may know the boundary:
// 1. Inside an entry only its own boundary counts; a part out of the engine's order means tampered.
// 2. An entry is sure when every body in it is exactly as long as its headers say (a heading within the body would make it look
//    shorter), or when part H belongs to part A. A sure entry is given out at once. Any other waits, with everything behind it.
// 3. While it waits, a heading with its boundary means that its end was forged: all from its beginning on is taken back, its parts
//    A and B come out with low trust, the rest is skipped. So does a whole entry with that boundary (real boundaries do repeat) unless
//    its part H belongs to its own part A and not to that of the one that waits, whose true end it would else have taken over.
// 4. It waits until the log is quiet, for one entry is written in one go, or until more than the greatest entry has followed.
// 5. An A heading with an A line behind it means torn wherever no client can begin a line. Within a body only the own boundary
//    does, or the first one if it stands behind the body's length; whatever stood in that body is given out with low trust.
// 6. A body longer than its headers say with another A in it is torn. What stands up to its length is read again with low trust, as is
//    what follows until no entry is open any more; if another one seemed to begin within an entry there, until the log is quiet.

export type NativeSplitter = {
  /** Takes the line [from, to); false when it is no part of a native entry. */
  line(bytes: Buffer, from: number, to: number, start: number, end: number): boolean
  /** Takes a line too long to be kept; false when it is no part of a native entry. */
  longLine(start: number, end: number): boolean
  /** Gives up what is unfinished at the end of a file that will never grow again; true when that reached to `end`. */
  finish(end: number): boolean
  /** The log is quiet, everything up to file offset `at` has been seen: no server is still writing, so what is open behind damage is none. */
  settle(at: number): void
  /** The boundary of the entry that has begun and not ended. */
  boundary(): string | undefined
  /** True while entries may be a client's text, behind a torn body. */
  isLow(): boolean
  /** File offset of what has begun and not ended. */
  start(): number | undefined
}

type NativeOptions = {
  waiting: Waiting
  maxEntryBytes: number
  /** Takes a line that is no entry. */
  skip: (start: number, end: number) => void
  /** What was skipped so far must be given out now: something else follows. */
  flush: () => void
  /** Takes lines again: [text, file offset of its start]. */
  replay: (text: string, start: number) => void
}

type Line = { bytes: Buffer; from: number; to: number; start: number; end: number }

/** An A heading until the line behind it tells whether it is one. `kept`: how much of the open entry's store stands before it. */
type Candidate = { heading: Heading; start: number; line: { start: number; end: number }; kept: number }

const NEWLINE = Buffer.from('\n')
/** An entry without an end is given up after so many times the greatest entry. */
const PATIENCE = 16
/** So many entries with one boundary wait at the most; each new one is compared with all. */
const MANY = 64
/** Stands for the boundary of what waits until it is clear what is an entry; no heading has it. */
const UNCLEAR = ''

/** Makes the part of a splitter that knows native entries. */
export function createNativeSplitter({ waiting, maxEntryBytes, skip, flush, replay }: NativeOptions): NativeSplitter {
  let open: OpenEntry | undefined
  let candidate: Candidate | undefined
  /** Behind a torn body, up to file offset `until`, may stand the client's text; when an entry seemed to begin within another there,
   *  it is not even known which of them is one. `from`: the torn entry; `budget`: bytes that may still be read again. */
  let low: { from: number; until: number; isUnclear: boolean; budget: number } | undefined

  function end(entry: OpenEntry, { pieces, isDoubted }: Ending) {
    open = undefined
    flush()
    const { boundary } = entry.heading
    const trusted = low ? pieces.map((piece): Piece => (piece.kind === 'entry' ? { ...piece, trust: 'low' } : piece)) : pieces
    if (isDoubted && !low) waiting.hold(trusted, { boundary, start: entry.start, ...knownOf(entry) })
    else for (const piece of trusted) waiting.add(piece)
  }

  function close(entry: OpenEntry, at: number) {
    const proven = proof(entry)
    const earlier = waiting.doubts(entry.heading.boundary)
    // Whoever knows the whole part A in advance knows the id; it is that of a log that was copied.
    const isCopy = ({ partA }: Doubt) => partA !== '' && partA === partOf(entry, 'A')
    const isOwn = earlier.length < MANY && earlier.every(doubt => isCopy(doubt) || (belongs(proven) && !belongs(proof(entry, doubt.partA))))
    if (!isOwn) takeOver(entry, at)
    else if (entry.isTampered || proven === 'forged') end(entry, endTampered(entry, at))
    else end(entry, endWhole(entry, at))
  }

  /** Makes an entry that has ended a part of the one that waits with its boundary. */
  function takeOver({ heading }: OpenEntry, at: number) {
    flush()
    const whole = reopenEntry(heading, takeBack(heading), at)
    end(whole, endTampered(whole, at))
  }

  /** What waits goes on, so it was not torn. */
  function takeBack({ boundary }: Heading): Doubt {
    const doubt = waiting.takeBack(boundary)!
    if (low && low.from >= doubt.start) low = undefined
    return doubt
  }

  /** A heading of an entry that seemed to have ended: everything since its beginning may be its client's text. */
  function reopen(heading: Heading, at: number) {
    flush()
    const entry = reopenEntry(heading, takeBack(heading), at)
    if (heading.part === 'Z') end(entry, endTampered(entry, at))
    else open = entry
  }

  /** Decides about the candidate by the line behind it; true when that line is its A line. */
  function decide(line: Line | undefined): boolean {
    const { heading, start, line: own, kept } = candidate!
    candidate = undefined
    if (!line || !isALine(line.bytes, line.from, line.to)) {
      if (open === undefined) skip(own.start, own.end)
      return false
    }
    if (open && open.heading.boundary !== heading.boundary && isClientText(open, start)) {
      open.hasForeign = true
      if (low && open.start <= low.until) low.isUnclear = true
      return false
    }
    if (open) {
      const { bodyEnd, start: from } = open
      open.store.truncate(kept)
      end(open, endTorn(open, start))
      if (bodyEnd !== undefined && start <= bodyEnd) low ??= { from, until: bodyEnd + HEADING_SLACK, isUnclear: false, budget: 0 }
    } else if (start > own.start) skip(own.start, start)
    flush()
    open = beginEntry(heading, start)
    append(open, line)
    return true
  }

  /** The body is longer than its headers say and another entry seems to begin in it: it is torn. Its lines are read again, as what they may be. */
  function tearBody(entry: OpenEntry, at: number) {
    const { at: bodyStart, offset } = lastPart(entry)
    const budget = (low?.budget ?? maxEntryBytes) - (at - offset)
    if (entry.isTampered || entry.isOversize || budget < 0) {
      end(entry, endTorn(entry, at))
      low = { from: low?.from ?? entry.start, until: at, isUnclear: true, budget: 0 }
      return
    }
    open = undefined
    flush()
    const head = torn(entry.start, offset)
    if (low) waiting.add(head)
    else waiting.hold([head], { boundary: UNCLEAR, start: entry.start, ...knownOf(entry), until: undefined })
    low = {
      from: low?.from ?? entry.start,
      until: Math.max(low?.until ?? 0, entry.bodyEnd! + HEADING_SLACK),
      isUnclear: low?.isUnclear ?? false,
      budget,
    }
    replay(entry.store.text(bodyStart), offset)
  }

  function endLow() {
    low = undefined
    waiting.trust(UNCLEAR)
  }

  function append(entry: OpenEntry, { bytes, from, to, end: lineEnd }: Line) {
    if (lineEnd - entry.start > maxEntryBytes) makeOversize(entry)
    if (lineEnd - entry.start > maxEntryBytes * PATIENCE) return end(entry, endTorn(entry, lineEnd))
    if (entry.isOversize) return
    entry.store.append(bytes, from, to)
    entry.store.append(NEWLINE, 0, 1)
  }

  function idleLine({ bytes, from, to, start, end: lineEnd }: Line): boolean {
    const last = withoutReturn(bytes, from, to)
    const heading = headingAt(bytes, from, last) ?? gluedHeading(bytes, from, last)
    if (heading === undefined) return false
    if (heading.part === 'A') candidate = { heading, start: start + last - from - heading.length, line: { start, end: lineEnd }, kept: 0 }
    else if (waiting.doubts(heading.boundary).length > 0) reopen(heading, lineEnd)
    else return false
    return true
  }

  function openLine(entry: OpenEntry, line: Line): boolean {
    const { bytes, from, to, start, end: lineEnd } = line
    const last = withoutReturn(bytes, from, to)
    const found = headingAt(bytes, from, last) ?? gluedHeading(bytes, from, last)
    const heading = found?.format === entry.heading.format ? found : undefined
    // A glued heading is always one of part A.
    const isOwn = heading?.boundary === entry.heading.boundary
    if (heading && isOwn && heading.part !== 'A') {
      if (heading.part === 'Z') close(entry, lineEnd)
      else {
        append(entry, line)
        beginPart(entry, heading.part, lineEnd)
      }
      return true
    }
    if (heading && heading.part !== 'A' && waiting.doubts(heading.boundary).length > 0) {
      reopen(heading, lineEnd)
      return true
    }
    if (isJson(bytes, from, to) && !isClientText(entry, start)) {
      end(entry, endTorn(entry, start))
      return false
    }
    if (heading?.part === 'A') {
      const before = last - from - heading.length
      candidate = { heading, start: start + before, line: { start, end: lineEnd }, kept: entry.store.length() + before }
    }
    append(entry, line)
    if (open === entry && entry.hasForeign && entry.bodyEnd !== undefined && start > entry.bodyEnd + HEADING_SLACK && !candidate)
      tearBody(entry, lineEnd)
    return true
  }

  return {
    line(bytes, from, to, start, lineEnd) {
      if (low && !low.isUnclear && !open && !candidate && start > low.until) endLow()
      const line = { bytes, from, to, start, end: lineEnd }
      if (candidate && decide(line)) return true
      return open ? openLine(open, line) : idleLine(line)
    },
    longLine(_start, lineEnd) {
      if (candidate) decide(undefined)
      if (open === undefined) return false
      makeOversize(open)
      if (lineEnd - open.start > maxEntryBytes * PATIENCE) end(open, endTorn(open, lineEnd))
      return true
    },
    finish(at) {
      if (candidate) decide(undefined)
      if (open === undefined) return false
      end(open, endTorn(open, at))
      return true
    },
    settle(at) {
      if (!low) return
      if (candidate) decide(undefined)
      if (open) end(open, endTorn(open, at))
      endLow()
    },
    boundary: () => open?.heading.boundary,
    isLow: () => low !== undefined,
    start: () => open?.start ?? candidate?.line.start,
  }
}

function belongs(proven: ReturnType<typeof proof>): boolean {
  return proven === 'id' || proven === 'time'
}

/** What must be remembered of an entry while it waits. */
function knownOf(entry: OpenEntry) {
  return { outline: outlineOf(entry), partA: entry.partA ?? partOf(entry, 'A'), until: knownEnd(entry) }
}

function makeOversize(entry: OpenEntry) {
  if (entry.isOversize) return
  entry.outline ??= outlineOf(entry)
  entry.partA ??= partOf(entry, 'A')
  entry.isOversize = true
  entry.store.clear()
}

function withoutReturn(bytes: Buffer, from: number, to: number): number {
  return to > from && bytes[to - 1] === 13 ? to - 1 : to
}

function isJson(bytes: Buffer, from: number, to: number): boolean {
  return bytes[from] === 123 && bytes.toString('latin1', from, Math.min(to, from + JSON_START.length)) === JSON_START
}
