import { createByteStore } from './byte-store.ts'
import type { Shortener } from './shorten.ts'

/** One line within `bytes`, [from, to) without its newline; it stands at file offset `start`, the next line at `end`. */
export type OnLine = (bytes: Buffer, from: number, to: number, start: number, end: number) => void

export type LineCutter = {
  push(chunk: Buffer): void
  /** File offset of the first byte that belongs to no finished line. */
  offset(): number
  /** Takes out the unfinished last line; undefined when there is none. Its text is '' when it was too long to keep. */
  takeRest(): { text: string; start: number; end: number } | undefined
}

export type LineOptions = {
  offset: number
  maxBytes: number
  onLine: OnLine
  /** A line longer than `maxBytes` has ended; its bytes are gone, but for what a shortener left of them. */
  onLongLine: (start: number, end: number, shortened: string | undefined) => void
  /** Makes what shortens a line that is longer than `maxBytes`, from what is there of it; undefined when nothing of it is to be kept. */
  shortenerOf?: (line: Buffer, from: number) => Shortener | undefined
  /** Asked at the start of a line: may NUL bytes there be dropped? A hole in the file can be gigabytes of them. */
  dropsNul: () => boolean
}

const NEWLINE = 10

/** Cuts a stream of bytes into lines. Every byte is looked at once, however small the chunks; at most `maxBytes` are kept. */
export function createLineCutter({
  offset,
  maxBytes,
  onLine,
  onLongLine,
  shortenerOf = () => undefined,
  dropsNul,
}: LineOptions): LineCutter {
  let start = offset
  let length = 0
  let isDropping = false
  let shortener: Shortener | undefined
  const kept = createByteStore()

  function keep(chunk: Buffer, from: number, to: number) {
    length += to - from
    if (length > maxBytes && !isDropping) {
      isDropping = true
      if (kept.length() === 0) shortener = shortenerOf(chunk, from)
      else
        kept.read((bytes, size) => {
          shortener = shortenerOf(bytes, 0)
          shortener?.push(bytes, 0, size)
        })
      kept.clear()
    }
    if (isDropping) shortener?.push(chunk, from, to)
    else kept.append(chunk, from, to)
  }

  function endKeptLine() {
    const lineStart = start
    start += length + 1
    if (isDropping) onLongLine(lineStart, start, shortener?.text())
    else kept.read((bytes, size) => onLine(bytes, 0, size, lineStart, start))
    drop()
  }

  function drop() {
    length = 0
    isDropping = false
    shortener = undefined
    kept.clear()
  }

  function endLine(chunk: Buffer, from: number, to: number) {
    if (to - from > maxBytes) {
      keep(chunk, from, to)
      return endKeptLine()
    }
    const lineStart = start
    start += to - from + 1
    onLine(chunk, from, to, lineStart, start)
  }

  return {
    push(chunk) {
      let at = 0
      while (at < chunk.length) {
        if (length === 0 && chunk[at] === 0 && dropsNul()) {
          at += 1
          start += 1
          continue
        }
        const newline = chunk.indexOf(NEWLINE, at)
        if (newline < 0) return keep(chunk, at, chunk.length)
        if (length === 0) endLine(chunk, at, newline)
        else {
          keep(chunk, at, newline)
          endKeptLine()
        }
        at = newline + 1
      }
    },
    offset: () => start,
    takeRest() {
      if (length === 0) return undefined
      const rest = { text: kept.text(0), start, end: start + length }
      start = rest.end
      drop()
      return rest
    },
  }
}
