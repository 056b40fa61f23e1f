export type ByteStore = {
  append(bytes: Buffer, from: number, to: number): void
  length(): number
  /** The bytes from `from` to `to` (the end by default), one character a byte. */
  text(from: number, to?: number): string
  /** Lends the bytes, from 0 to `length`, for the time of the call. */
  read(use: (bytes: Buffer, length: number) => void): void
  /** Forgets what stands behind the first `size` bytes. */
  truncate(size: number): void
  clear(): void
}

/** Keeps bytes in one buffer that doubles as it grows, so that appending costs the same at every size. */
export function createByteStore(): ByteStore {
  let kept: Buffer = Buffer.alloc(0)
  let length = 0
  return {
    append(bytes, from, to) {
      const size = length + to - from
      if (size > kept.length) {
        const grown = Buffer.allocUnsafe(Math.max(size, kept.length * 2, 4096))
        kept.copy(grown, 0, 0, length)
        kept = grown
      }
      bytes.copy(kept, length, from, to)
      length = size
    },
    length: () => length,
    text: (from, to = length) => kept.toString('latin1', from, to),
    read: use => use(kept, length),
    truncate(size) {
      length = Math.min(length, size)
    },
    clear() {
      length = 0
      if (kept.length > 1 << 20) kept = Buffer.alloc(0)
    },
  }
}
