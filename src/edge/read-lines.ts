import { createReadStream } from 'node:fs'
import { pipeline, Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { createLineCutter } from '../core/entry/lines.ts'
import { packingOf } from './follow/packed.ts'

/** A line without its end; `text` is undefined when it was longer than allowed. Numbers count from 1. */
export type Line = { number: number; text: string | undefined }

export const MOST_LINE = 16 * 1024 * 1024
const READ_BYTES = 256 * 1024
const UNPACK_BYTES = 64 * 1024
const RETURN = 13
/** What is said of a file that is not what it was when it was opened. */
export const CHANGED = 'it was truncated or rewritten while it was being read; copy it first'

/** Opens a file for reading as it is; `-` is the standard input. What is wrong with it comes out where it is read. */
export function readBytes(file: string): AsyncIterable<Buffer> {
  return file === '-' ? process.stdin : createReadStream(file, { highWaterMark: READ_BYTES })
}

/** Reads an open file from its start to `size`; `onBytes` is told how many bytes each read took. The descriptor stays open. Throws when it ends
 *  before `size`: it was truncated. */
export async function* readOpenFile(fd: number, size: number, onBytes: (bytes: number) => void = () => {}): AsyncGenerator<Buffer> {
  let left = size
  if (size === 0) return
  for await (const chunk of createReadStream('', { fd, autoClose: false, start: 0, end: size - 1, highWaterMark: READ_BYTES })) {
    const bytes = chunk as Buffer
    left -= bytes.length
    onBytes(bytes.length)
    yield bytes
  }
  if (left > 0) throw new Error(CHANGED)
}

/** Unpacks what begins as gzip or zstd does, whatever its name; throws in the iteration what is wrong with it. */
export async function* unpacked(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = input[Symbol.asyncIterator]()
  try {
    const first = await chunks.next()
    if (first.done) return
    const all = (async function* () {
      for (let next: IteratorResult<Buffer> = first; !next.done; next = await chunks.next()) yield next.value
    })()
    const packing = packingOf(first.value)
    if (packing === 'foreign') throw new Error('packed in a way that is not read here; unpack it or pack it with gzip or zstd')
    const options = { chunkSize: UNPACK_BYTES }
    // The iteration throws what goes wrong in the pipeline.
    if (packing === 'none') yield* all
    else yield* pipeline(Readable.from(all), packing === 'gzip' ? createGunzip(options) : createZstdDecompress(options), () => {})
  } finally {
    await chunks.return?.()
  }
}

/** Cuts bytes into lines, those of one read at a time; keeps at most one line of `mostBytes` bytes. A byte order mark is passed over. */
export async function* readLines(
  chunks: AsyncIterable<Buffer>,
  { encoding, mostBytes = MOST_LINE }: { encoding: 'utf8' | 'latin1'; mostBytes?: number },
): AsyncGenerator<Line[]> {
  let lines: Line[] = []
  let number = 0
  const add = (text: string | undefined) => {
    number += 1
    lines.push({ number, text: number === 1 ? text?.replace(/^(?:\ufeff|\xef\xbb\xbf)/, '') : text })
  }
  const cutter = createLineCutter({
    offset: 0,
    maxBytes: mostBytes,
    onLine: (bytes, from, to) => add(bytes.toString(encoding, from, bytes[to - 1] === RETURN && to > from ? to - 1 : to)),
    onLongLine: () => add(undefined),
    dropsNul: () => false,
  })
  for await (const chunk of chunks) {
    cutter.push(chunk)
    if (lines.length > 0) yield lines
    lines = []
  }
  const rest = cutter.takeRest()
  if (rest === undefined) return
  add(rest.text === '' ? undefined : Buffer.from(rest.text, 'latin1').toString(encoding))
  yield lines
}
