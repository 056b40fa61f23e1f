import { closeSync, fstatSync } from 'node:fs'
import { mayBeIndex } from '../../core/entry/index-line.ts'
import type { Piece, Splitter } from '../../core/entry/split.ts'
import type { FileState, Millis } from '../../core/types.ts'
import { fingerprint, HEAD, headPrint, isTelling, readAt, TAIL } from './fingerprint.ts'

const CHUNK = 256 * 1024

export type Track = ReturnType<typeof createTrack>

/** One file that is being read, from `offset` on. It keeps its descriptor, so a renamed or deleted file is read to its end. */
export function createTrack(parts: {
  fd: number
  device: bigint
  inode: bigint
  offset: number
  splitter: Splitter
  isFixed?: boolean
  now: Millis
}) {
  const { fd, device, inode, splitter } = parts
  const first = fstatSync(fd)
  let position = parts.offset
  let size = Math.max(first.size, position)
  let before = readAt(fd, Math.max(0, position - TAIL), Math.min(TAIL, position))
  let head = readAt(fd, 0, HEAD)
  // A splitter that was handed over from a truncated file may still hold bytes that have not settled.
  let settled = settledAt(splitter.settledOffset())
  let grewAt = parts.now
  /** Whether its entries name files. What a client sends must not decide that: it is settled at the start of a line, then by what came out. */
  let isIndex: boolean | undefined
  // The splitter keeps no reference to what it is given.
  const buffer = Buffer.allocUnsafe(CHUNK + TAIL)
  /** Where reading stood when, for what is not old enough yet to settle. */
  let marks: { at: Millis; position: number }[] = []

  function settledAt(offset: number): { offset: number; tail: string } {
    return { offset, tail: fingerprint(readAt(fd, Math.max(0, offset - TAIL), Math.min(TAIL, offset))) }
  }

  function noteSettled(chunk: Buffer): void {
    const offset = splitter.settledOffset()
    if (offset === settled.offset) return
    const known = Buffer.concat([before, chunk])
    const end = offset - (position - known.length)
    // Almost always what has settled ends in what was just read; else it is read again.
    settled =
      end >= Math.min(TAIL, offset) ? { offset, tail: fingerprint(known.subarray(Math.max(0, end - TAIL), end)) } : settledAt(offset)
  }

  /** A file that was met while it was short is known by more of its first bytes once it has them. */
  function growHead(): void {
    if (head.length === HEAD) return
    const found = readAt(fd, 0, HEAD)
    if (found.subarray(0, head.length).equals(head)) head = found
  }

  return {
    fd,
    device,
    inode,
    /** A copy or an unpacked file, which never grows. */
    isFixed: parts.isFixed === true,
    /** Bytes that are there and not read; the size is what the last look saw. */
    pending: (): number => Math.max(0, size - position),
    position: (): number => position,
    size: (): number => size,
    grewAt: (): Millis => grewAt,
    isWaiting: (): boolean => splitter.isWaiting(),
    /** The first bytes, as far as they were seen. */
    first: (): Buffer => head,
    head: (): string => headPrint(head),
    /** What the file begins with now; what was seen of it while it cannot be read. */
    content(): Buffer {
      try {
        return readAt(fd, 0, HEAD)
      } catch {
        return head
      }
    },
    hasUnread: (): boolean => fstatSync(fd).size > position,
    /** Says whether so much was seen of the file that it is not taken for another. */
    isKnown: (): boolean => isTelling({ head: headPrint(head), offset: settled.offset }),
    /** The fingerprint of the bytes before the position. */
    tail: (): string => fingerprint(before),

    /** Reads the next bytes; undefined when the file was truncated or replaced in place (even if it has grown past the old offset since).
     *  `portion` says how many of them to take, at least one, where they name files. */
    read(now: Millis, portion: (chunk: Buffer) => number): Piece[] | undefined {
      // Entries may end alike, so that a file which has regrown can show the same bytes before the position: its first bytes differ then.
      if (!readAt(fd, 0, head.length).equals(head)) return undefined
      // The bytes before the position come along in the same read: if they changed, the file is not what it was.
      const found = readAt(fd, position - before.length, before.length + CHUNK, buffer)
      if (found.length < before.length || !found.subarray(0, before.length).equals(before)) return undefined
      const ahead = found.subarray(before.length)
      if (ahead.length === 0) {
        const { size: now } = fstatSync(fd)
        if (now < position) return undefined
        return []
      }
      grewAt = now
      size = Math.max(ahead.length === CHUNK ? fstatSync(fd).size : 0, position + ahead.length)
      isIndex ??= mayBeIndex(ahead)
      const chunk = isIndex ? ahead.subarray(0, portion(ahead)) : ahead
      position += chunk.length
      growHead()
      const pieces = splitter.push(chunk)
      const entries = pieces.filter(piece => piece.kind === 'entry')
      if (entries.length > 0) isIndex = entries.some(({ format }) => format === 'index-line')
      marks = splitter.isWaiting() ? [...marks.slice(-1000), { at: now, position }] : []
      noteSettled(chunk)
      const end = before.length + chunk.length
      before = Buffer.from(found.subarray(Math.max(0, end - TAIL), end))
      return pieces
    },

    /** Gives out what only waited for something that might follow, as far as it was read before `until`. */
    settle(until: Millis): Piece[] {
      const mark = marks.findLast(({ at }) => at <= until)
      if (mark === undefined) return []
      marks = marks.filter(({ at }) => at > until)
      const pieces = splitter.settle(mark.position)
      noteSettled(Buffer.alloc(0))
      return pieces
    },

    /** The file will never grow again: what is left of it is a torn piece. */
    finish(): Piece[] {
      const pieces = [...splitter.settle(), ...splitter.finish()]
      settled = { offset: position, tail: fingerprint(before) }
      return pieces
    },

    state(done: boolean): FileState {
      growHead()
      return { device, inode, ...settled, head: headPrint(head), done }
    },
    splitter,
    close: () => closeSync(fd),
  }
}
