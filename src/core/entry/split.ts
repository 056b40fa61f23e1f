import type { Format } from '../types.ts'
import { parseJson } from './fields.ts'
import { indexedPath, isCorazaIndexHead, isIndexLine } from './index-line.ts'
import { createLineCutter } from './lines.ts'
import { createNativeSplitter } from './native-split.ts'
import { JSON_START, jsonFormat } from './shapes.ts'
import { createShortener } from './shorten.ts'
import { createWaiting } from './waiting.ts'

/** A stretch of the log, [start, end) in bytes from the file's start: a whole entry, or something that is none. */
export type Piece = { start: number; end: number } & (
  | { kind: 'entry'; format: Format; text: string; trust: 'full' | 'low' }
  | { kind: 'skipped'; problem: string }
)

export type Splitter = {
  /** Takes the next bytes of the file; gives the pieces that are now whole and settled. Keeps no reference to `chunk`. */
  push(chunk: Buffer): Piece[]
  /** Settles what waits only for something that may follow, as far as it ends at or before file offset `upTo` (everything by default):
   *  to be called when what was written up to there is older than one write of the server can last. Never gives out a torn entry. */
  settle(upTo?: number): Piece[]
  /** End of a file that will never grow again (rotated and gone): settles everything, what is torn is skipped. */
  finish(): Piece[]
  /** File offset up to which everything has been given out: a new splitter that starts there gives all the rest. */
  settledOffset(): number
  /** True while something waits for settle(). */
  isWaiting(): boolean
}

const MAX_ENTRY_BYTES = 16 * 2 ** 20
/** Of the strings of a JSON entry that is longer, no more than this is kept. */
const MAX_STRING_BYTES = 512 * 1024
/** A run of lines that are no entry is told in pieces of about this many bytes. */
const MAX_SKIPPED_BYTES = 64 * 1024
const BRACE = 123
const BLANK = /^[\0\xef\xbb\xbf\s]*$/

/** Makes a splitter for a file that is read from byte `offset` on: 0, or the settledOffset() of an earlier splitter. Pieces come in
 *  the order of the file and never overlap. It holds at most a few times `maxEntryBytes`. */
export function createSplitter({ offset, maxEntryBytes = MAX_ENTRY_BYTES }: { offset: number; maxEntryBytes?: number }): Splitter {
  let out: Piece[] = []
  let skipped: { start: number; end: number } | undefined
  const waiting = createWaiting(piece => out.push(piece), maxEntryBytes)
  const native = createNativeSplitter({ waiting, maxEntryBytes, skip, flush, replay })
  const isNative = () => native.start() !== undefined
  const lines = createLineCutter({ offset, maxBytes: maxEntryBytes, onLine, onLongLine, shortenerOf, dropsNul: () => !isNative() })

  function skip(start: number, end: number) {
    skipped = { start: skipped?.start ?? start, end }
    if (end - skipped.start >= MAX_SKIPPED_BYTES) flush()
  }

  function flush() {
    if (skipped) waiting.add({ kind: 'skipped', problem: 'no audit-log entry', ...skipped })
    skipped = undefined
  }

  function give(piece: Piece) {
    flush()
    waiting.add(native.isLow() && piece.kind === 'entry' ? { ...piece, trust: 'low' } : piece)
  }

  function replay(text: string, start: number) {
    const bytes = Buffer.from(text, 'latin1')
    for (let from = 0, to = bytes.indexOf(10); to >= 0; from = to + 1, to = bytes.indexOf(10, from))
      onLine(bytes, from, to, start + from, start + to + 1)
  }

  function onLine(bytes: Buffer, from: number, to: number, start: number, end: number) {
    const isJson = bytes[from] === BRACE && bytes[from + JSON_START.length - 1] === BRACE && native.start() === undefined
    if (isJson || !native.line(bytes, from, to, start, end)) {
      const last = to > from && bytes[to - 1] === 13 ? to - 1 : to
      readLine(bytes.toString('latin1', from, last), start, end, { give, skip })
    }
    if (!waiting.isEmpty()) waiting.pass(end, native.boundary())
  }

  /** Control characters of a body take six bytes each in JSON: whoever sends three million of them must not go uncounted for that. */
  function shortenerOf(bytes: Buffer, from: number) {
    const isJson = !isNative() && bytes.toString('latin1', from, from + JSON_START.length) === JSON_START
    return isJson ? createShortener({ longestString: MAX_STRING_BYTES, maxBytes: maxEntryBytes }) : undefined
  }

  function onLongLine(start: number, end: number, shortened: string | undefined) {
    if (native.longLine(start, end)) return
    if (shortened === undefined || parseJson(shortened) === undefined)
      return give({ kind: 'skipped', start, end, problem: 'longer than an entry may be' })
    give({ kind: 'entry', start, end, format: jsonFormat(shortened), text: shortened, trust: 'full' })
  }

  function take(): Piece[] {
    const pieces = out
    out = []
    return pieces
  }

  return {
    push(chunk) {
      lines.push(chunk)
      return take()
    },
    settle(upTo = Number.POSITIVE_INFINITY) {
      if (skipped && skipped.end <= upTo) flush()
      if (upTo >= lines.offset()) native.settle(lines.offset())
      waiting.settle(upTo)
      return take()
    },
    finish() {
      const rest = lines.takeRest()
      if (rest && isWhole(rest.text, native.start() !== undefined)) {
        const bytes = Buffer.from(rest.text, 'latin1')
        onLine(bytes, 0, bytes.length, rest.start, rest.end)
        native.finish(lines.offset())
      } else if (!native.finish(lines.offset()) && rest) {
        give({ kind: 'skipped', problem: 'torn at the end of the file', start: rest.start, end: rest.end })
      }
      flush()
      waiting.settle(Number.POSITIVE_INFINITY)
      return take()
    },
    settledOffset: () => waiting.start() ?? skipped?.start ?? native.start() ?? lines.offset(),
    isWaiting: () => !waiting.isEmpty() || skipped !== undefined,
  }
}

function readLine(
  raw: string,
  start: number,
  end: number,
  { give, skip }: { give: (piece: Piece) => void; skip: (start: number, end: number) => void },
) {
  const entry = (at: number, text: string): Piece => ({
    kind: 'entry',
    start: start + at,
    end,
    format: jsonFormat(text),
    text,
    trust: 'full',
  })
  const at = isIndexLine(raw) ? -1 : raw.lastIndexOf(JSON_START)
  if (at === 0 && !raw.includes('\0')) return give(entry(0, raw))
  if (at >= 0) {
    // A full disk tears an entry and glues the next one to it: only the last one goes to the end of the line.
    if (!BLANK.test(raw.slice(0, at))) give({ kind: 'skipped', problem: 'torn entry', start, end: start + at })
    return give(entry(at, raw.slice(at).replaceAll('\0', '')))
  }
  if (BLANK.test(raw)) return
  const text = raw.replaceAll('\0', '').replace(/^\xef\xbb\xbf/, '')
  if (isCorazaIndexHead(text)) return
  if (indexedPath(text) !== undefined) give({ kind: 'entry', start, end, format: 'index-line', text, trust: 'full' })
  else skip(start, end)
}

/** Tells whether the last line of a file is whole although its newline was never written. */
function isWhole(rest: string, isNative: boolean): boolean {
  if (isNative) return /^-{2,3}[0-9A-Za-z]{8,10}-{1,3}Z--$/.test(rest)
  const at = rest.lastIndexOf(JSON_START)
  return at >= 0 && rest.endsWith('}') && parseJson(rest.slice(at).replaceAll('\0', '')) !== undefined
}
