import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { pipeline, Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { createSplitter } from '../core/entry/split.ts'
import type { Format, Millis, Result } from '../core/types.ts'
import { readAt } from './follow/fingerprint.ts'
import { closeSiblings, openSiblings, type Sibling } from './follow/siblings.ts'
import { openIndexed } from './indexed-file.ts'

/** Where the entry of an event stood when it was read. */
export type EntryPlace = { log: string; inode: bigint; offset: number; length: number; at: Millis }

export type FoundEntry = { text: string; format: Format }

const MOST_BYTES = 16 * 2 ** 20
/** So far into a packed file reading may have to go, in so many of them. */
const MOST_UNPACKED = 8 * 2 ** 30
const MOST_PACKED = 3
const CHUNK = 256 * 1024
/** A packed file carries the time of its last entry; clocks and writers may differ by this much. */
const LEEWAY: Millis = 60_000

/** Reads an entry again: from the log, or from a rotated file beside it, plain or packed. `isIt` decides whether what stands there is the entry, for the
 *  same place may hold another one by now. Where no file holds it, the problem says so, or that the log may not be read. */
export async function rereadEntry(
  place: EntryPlace,
  { storageDir, auditLogs }: { storageDir: string; auditLogs: readonly string[] },
  isIt: (entry: FoundEntry) => boolean,
): Promise<Result<FoundEntry>> {
  if (place.length > MOST_BYTES) return { ok: false, problem: `its entry is longer than ${MOST_BYTES} bytes` }
  const folder = storageDir === '' ? dirname(place.log) : storageDir
  const siblings = openSiblings(place.log, auditLogs)
  const { fd, problem } = openLog(place.log)
  try {
    for (const read of readers(place, fd, siblings)) {
      const found = await entryIn(await bytesOf(read), folder)
      if (found.ok && isIt(found.value)) return found
    }
    return { ok: false, problem }
  } finally {
    if (fd !== undefined) closeSync(fd)
    closeSiblings(siblings)
  }
}

/** The likeliest places first: the same file under its own or a rotated name, copies, then packed copies, beginning with the one that was closed first. */
function* readers(place: EntryPlace, fd: number | undefined, siblings: readonly Sibling[]): Generator<() => Promise<Buffer> | Buffer> {
  const { inode, offset, length, at } = place
  const plain = siblings.filter(({ packing }) => packing === 'none').map(sibling => ({ fd: sibling.fd, inode: sibling.inode }))
  const files = [...(fd === undefined ? [] : [{ fd, inode: fstatSync(fd, { bigint: true }).ino }]), ...plain]
  for (const file of files.toSorted((a, b) => Number(b.inode === inode) - Number(a.inode === inode)))
    yield () => readAt(file.fd, offset, length)
  if (offset > MOST_UNPACKED) return
  const packed = siblings.filter(({ packing, mtimeNs }) => packing !== 'none' && Number(mtimeNs / 1_000_000n) >= at - LEEWAY)
  for (const sibling of packed.slice(0, MOST_PACKED)) yield () => readPacked(sibling, offset, length)
}

/** What cannot be read (a folder, a failing disk, a damaged packed file) does not hold the entry. */
async function bytesOf(read: () => Promise<Buffer> | Buffer): Promise<Buffer> {
  try {
    return await read()
  } catch {
    return Buffer.alloc(0)
  }
}

async function readPacked({ fd, packing }: Sibling, offset: number, length: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let position = 0
  const unpacked = pipeline(Readable.from(chunksOf(fd)), packing === 'gzip' ? createGunzip() : createZstdDecompress(), () => {})
  for await (const chunk of unpacked as AsyncIterable<Buffer>) {
    if (position + chunk.length > offset) parts.push(chunk.subarray(Math.max(0, offset - position), offset + length - position))
    position += chunk.length
    if (position >= offset + length) break
  }
  return Buffer.concat(parts)
}

// A stream of Node's own would close the descriptor when it is left early, and somebody else may have its number by then.
function* chunksOf(fd: number): Generator<Buffer> {
  for (let position = 0; ; ) {
    const chunk = readAt(fd, position, CHUNK)
    if (chunk.length === 0) return
    yield chunk
    position += chunk.length
  }
}

async function entryIn(bytes: Buffer, folder: string): Promise<Result<FoundEntry>> {
  const splitter = createSplitter({ offset: 0 })
  const [piece] = [...splitter.push(bytes), ...splitter.finish()]
  if (piece?.kind !== 'entry') return { ok: false, problem: 'no entry stands there' }
  return piece.format === 'index-line' ? openIndexed(piece.text, folder) : { ok: true, value: piece }
}

function openLog(log: string): { fd: number | undefined; problem: string } {
  const problem = 'its entry is no longer in the log or the rotated files beside it'
  try {
    return { fd: openSync(log, constants.O_RDONLY | constants.O_NONBLOCK), problem }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    return { fd: undefined, problem: code === 'ENOENT' ? problem : `${log} cannot be read (${code})` }
  }
}
