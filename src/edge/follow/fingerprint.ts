import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'

/** How many bytes a fingerprint covers at most. The log's text itself is never kept: it may hold secrets. */
export const HEAD = 1024
export const TAIL = 64
/** The first bytes have a print of their own, by which a copy that broke off early is still known. */
const SHORT_HEAD = 256

/** Fewer first bytes than this tell no file from another while nothing of it was read: entries begin alike. */
const TELLING = 224
/** No whole entry is shorter than this, not even the line of an index. */
export const SHORTEST = 100

/** Gives the fingerprint of some bytes: how many they are and a hash of them. */
export function fingerprint(bytes: Buffer): string {
  return `${bytes.length}:${createHash('sha256').update(bytes).digest('hex').slice(0, 24)}`
}

/** Gives the fingerprint of the first bytes of a file, as far as it has any: the short one and the long one, where they differ. */
export function headPrint(first: Buffer): string {
  const whole = fingerprint(first.subarray(0, HEAD))
  return first.length <= SHORT_HEAD ? whole : `${fingerprint(first.subarray(0, SHORT_HEAD))} ${whole}`
}

function coverage(print: string): number {
  return Number(print.split(':', 1)[0]) || 0
}

/** Says whether a head tells its file from others. It does when it covers all that was read of a short file (`offset`), for no two entries are the same. */
export function isTelling({ head, offset }: { head: string; offset: number }): boolean {
  return Math.max(...head.split(' ').map(coverage)) >= leastFor(offset)
}

function leastFor(offset: number): number {
  return offset > 0 ? Math.min(TELLING, Math.max(offset, SHORTEST)) : TELLING
}

/** Says whether a file with these first bytes begins like the one of a reading state; a head that covers too little matches nothing. */
export function hasHead(first: Buffer, { head, offset }: { head: string; offset: number }): boolean {
  const print = head.split(' ').findLast(candidate => coverage(candidate) <= first.length)
  if (print === undefined || coverage(print) < leastFor(offset)) return false
  return fingerprint(first.subarray(0, coverage(print))) === print
}

/** Says whether the bytes before `offset` are those of a fingerprint. At offset 0 there are none: that fits any file. */
export function hasTail(fd: number, offset: number, tail: string): boolean {
  const size = coverage(tail)
  return size === 0 ? offset === 0 : fingerprint(readAt(fd, offset - size, size)) === tail
}

/** Reads up to `length` bytes at `position`, into `bytes` where it is given; fewer at the end of the file. */
export function readAt(fd: number, position: number, length: number, bytes: Buffer = Buffer.allocUnsafe(length)): Buffer {
  let size = 0
  while (size < length) {
    const count = readSync(fd, bytes, size, length - size, position + size)
    if (count === 0) break
    size += count
  }
  return bytes.subarray(0, size)
}
