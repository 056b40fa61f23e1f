import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'
import { constants, gunzipSync } from 'node:zlib'

/** How many bytes a fingerprint covers at most. The log's text itself is never kept: it may hold secrets. */
export const HEAD = 256
export const TAIL = 64

/** Gives the fingerprint of some bytes: how many they are and a hash of them. */
export function fingerprint(bytes: Buffer): string {
  return `${bytes.length}:${createHash('sha256').update(bytes).digest('hex').slice(0, 24)}`
}

/** How many bytes a fingerprint covers. */
export function coverage(print: string): number {
  return Number(print.split(':', 1)[0]) || 0
}

/** Gives the fingerprint of the first bytes of a file, as far as it has any. */
export function headOf(fd: number): string {
  return fingerprint(readAt(fd, 0, HEAD))
}

/** Fewer first bytes than this tell no file from another: entries begin alike. No whole entry is that short. */
export const TELLING = 224

/** Says whether an open file begins with the bytes of a fingerprint; one that covers too little matches nothing. */
export function hasHead(fd: number, head: string): boolean {
  const size = coverage(head)
  return size >= TELLING && fingerprint(readAt(fd, 0, size)) === head
}

/** Says whether the bytes before `offset` are those of a fingerprint. At offset 0 there are none: that fits any file. */
export function hasTail(fd: number, offset: number, tail: string): boolean {
  const size = coverage(tail)
  return size === 0 ? offset === 0 : fingerprint(readAt(fd, offset - size, size)) === tail
}

/** Says whether a gzip file unpacks to something that begins with the bytes of a fingerprint. */
export function hasPackedHead(fd: number, head: string): boolean {
  const size = coverage(head)
  try {
    const start = gunzipSync(readAt(fd, 0, 65_536), { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 16 * 1024 * 1024 })
    return size >= TELLING && start.length >= size && fingerprint(start.subarray(0, size)) === head
  } catch {
    return false
  }
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
