import { createReadStream, createWriteStream, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { constants, createGunzip, createZstdDecompress, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { readAt } from './fingerprint.ts'

/** How a rotated file is packed; `foreign` cannot be unpacked here. Told by its first bytes: names say little. */
export type Packing = 'none' | 'gzip' | 'zstd' | 'foreign'

const MAGIC: readonly (readonly [hex: string, packing: Packing])[] = [
  ['1f8b', 'gzip'],
  ['28b52ffd', 'zstd'],
  ['fd377a585a00', 'foreign'],
  ['425a68', 'foreign'],
  ['04224d18', 'foreign'],
  ['504b0304', 'foreign'],
]

/** So much of a packed file gives its first bytes in every case: gzip gives them as they come, zstd a whole block at a time. */
const PACKED_HEAD = { gzip: 16 * 1024, zstd: 192 * 1024 }
const MOST_UNPACKED = 16 * 1024 * 1024

/** Says by the first bytes of a file how it is packed. */
export function packingOf(first: Buffer): Packing {
  const hex = first.subarray(0, 8).toString('hex')
  return MAGIC.find(([magic]) => hex.startsWith(magic))?.[1] ?? 'none'
}

/** Unpacks the first `length` bytes of a packed file; fewer when it is damaged or still being written. */
export function unpackStart(fd: number, packing: 'gzip' | 'zstd', length: number): Buffer {
  const packed = readAt(fd, 0, PACKED_HEAD[packing])
  try {
    const unpacked =
      packing === 'gzip'
        ? gunzipSync(packed, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MOST_UNPACKED })
        : zstdDecompressSync(packed, { finishFlush: constants.ZSTD_e_flush, maxOutputLength: MOST_UNPACKED })
    // A part of a buffer would keep the whole of it.
    return Buffer.from(unpacked.subarray(0, length))
  } catch {
    return Buffer.alloc(0)
  }
}

/** Unpacks an open file into one that has no name any more, and gives its descriptor; undefined when it is damaged or there is no room. */
export async function unpack(fd: number, packing: Packing): Promise<number | undefined> {
  let folder: string | undefined
  try {
    folder = mkdtempSync(join(tmpdir(), 'modwarden-'))
    const target = join(folder, 'unpacked')
    // Read by its descriptor: by now the name may be another file's.
    const source = createReadStream('', { fd, autoClose: false, start: 0 })
    await pipeline(source, packing === 'gzip' ? createGunzip() : createZstdDecompress(), createWriteStream(target, { mode: 0o600 }))
    return openSync(target, 'r')
  } catch {
    return undefined
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  }
}
