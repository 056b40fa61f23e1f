import { closeSync, createReadStream, openSync } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { namedBytes } from '../core/entry/index-line.ts'
import { type ParseContext, parseEntry } from '../core/entry/parse.ts'
import { createSplitter, type Piece } from '../core/entry/split.ts'
import type { Batch, Millis } from '../core/types.ts'
import { readAt } from './follow/fingerprint.ts'
import { packingOf } from './follow/packed.ts'
import { readIndexedFiles } from './indexed-file.ts'

type Options = { storageDir: string; context: ParseContext }
type Item = Batch['items'][number]
/** A file that is being read: what of it waits to be given, and the time of the first of that. */
type Source = { batches: AsyncGenerator<Item[]>; items: Item[]; at: Millis }

const CHUNK = 1024 * 1024
const MERGED_ITEMS = 500
/** So many files of a concurrent log are held at a time, and of so many bytes. */
const INDEXED_FILES = 500
const INDEXED_BYTES = 16 * 1024 * 1024

/** Reads old audit logs, rotated and packed (gzip, zstd) ones and indexes of concurrent ones too, in the order of their times, whatever the order of
 *  their names; files of the same time are merged entry by entry. Throws when one cannot be read. */
export async function* readLogFiles(paths: readonly string[], options: Options): AsyncGenerator<Batch> {
  const waiting: { path: string; startsAt: Millis }[] = []
  for (const path of paths) waiting.push({ path, startsAt: await startOf(path, options) })
  waiting.sort((a, b) => a.startsAt - b.startsAt)
  const open: Source[] = []
  let merged: Item[] = []
  while (waiting.length + open.length > 0) {
    const first = open.sort((a, b) => a.at - b.at)[0]
    // Only what begins before the others end is opened: a year of rotated files is not held at once.
    if (waiting[0] !== undefined && (first === undefined || waiting[0].startsAt <= first.at)) {
      const { path, startsAt } = waiting.shift()!
      await refill({ batches: readLogFile(path, options), items: [], at: startsAt }, open, options)
      continue
    }
    if (first === undefined) continue
    merged.push(...takeUntil(Math.min(open[1]?.at ?? Infinity, waiting[0]?.startsAt ?? Infinity), first, options))
    if (first.items.length === 0) await refill(open.shift()!, open, options)
    if (merged.length < MERGED_ITEMS) continue
    yield toBatch(merged)
    merged = []
  }
  if (merged.length > 0) yield toBatch(merged)
}

function toBatch(items: readonly Item[]): Batch {
  return { log: items[0]?.log ?? '', items, files: [], lostBytes: 0, pendingBytes: 0 }
}

/** Takes the items of a source that were written until an instant, at least one. Times are read only as far as they decide something. */
function takeUntil(limit: Millis, source: Source, { context }: Options): Item[] {
  const last = source.items.at(-1)
  if (last === undefined || limit === Infinity || (timeOf(last, context) ?? source.at) <= limit) return source.items.splice(0)
  let count = 1
  while (count < source.items.length) {
    source.at = timeOf(source.items[count]!, context) ?? source.at
    if (source.at > limit) break
    count++
  }
  return source.items.splice(0, count)
}

async function refill(source: Source, open: Source[], { context }: Options): Promise<void> {
  const { done, value } = await source.batches.next()
  if (!done) open.push({ ...source, items: value, at: firstTime(value, context) ?? source.at })
}

/** When the first entry of a file was written; of what has none at its beginning, the earliest of all times. */
async function startOf(path: string, options: Options): Promise<Millis> {
  for await (const items of readLogFile(path, options)) return firstTime(items, options.context) ?? -Infinity
  return -Infinity
}

function firstTime(items: readonly Item[], context: ParseContext): Millis | undefined {
  for (const item of items) {
    const at = timeOf(item, context)
    if (at !== undefined) return at
  }
  return undefined
}

function timeOf(item: Item, context: ParseContext): Millis | undefined {
  const event = item.kind === 'entry' ? parseEntry(item, context) : undefined
  return event?.ok ? event.value.at : undefined
}

async function* readLogFile(path: string, { storageDir }: Options): AsyncGenerator<Item[]> {
  const splitter = createSplitter({ offset: 0 })
  async function* read(pieces: readonly Piece[]): AsyncGenerator<Item[]> {
    for (let from = 0, to = 0; from < pieces.length; from = to) {
      to = endOfPortion(pieces, from)
      const items = pieces.slice(from, to).map(piece => toItem(piece, path))
      yield [...(await readIndexedFiles({ ...toBatch(items), log: path }, storageDir)).items]
    }
  }
  try {
    for await (const chunk of bytesOf(path)) {
      yield* read(splitter.push(chunk))
    }
  } catch (error) {
    throw new Error(`cannot read ${path}: ${(error as Error).message}`, { cause: error })
  }
  yield* read(splitter.finish())
}

function endOfPortion(pieces: readonly Piece[], from: number): number {
  let [files, bytes, to] = [0, 0, from]
  while (to < pieces.length && files < INDEXED_FILES && bytes < INDEXED_BYTES) {
    const piece = pieces[to++]!
    if (piece.kind !== 'entry' || piece.format !== 'index-line') continue
    files++
    bytes += namedBytes(piece.text)
  }
  return to
}

function bytesOf(path: string): AsyncIterable<Buffer> {
  const fd = openSync(path, 'r')
  const packing = packingOf(readAt(fd, 0, 16))
  if (packing === 'foreign') {
    closeSync(fd)
    throw new Error('it is packed in a way that is not known here; unpack it first')
  }
  const bytes = createReadStream('', { fd, start: 0, highWaterMark: CHUNK })
  // The iteration throws what goes wrong in the pipeline.
  if (packing === 'gzip') return pipeline(bytes, createGunzip({ chunkSize: CHUNK }), () => {})
  return packing === 'zstd' ? pipeline(bytes, createZstdDecompress({ chunkSize: CHUNK }), () => {}) : bytes
}

function toItem(piece: Piece, log: string): Item {
  const place = { log, inode: 0n, offset: piece.start, length: piece.end - piece.start }
  return piece.kind === 'entry'
    ? { kind: 'entry', ...place, format: piece.format, text: piece.text, trust: piece.trust }
    : { kind: 'skipped', ...place, problem: piece.problem }
}
