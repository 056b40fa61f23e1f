import { fstatSync } from 'node:fs'
import { summarizeTail, type TailSummary } from '../../core/doctor/log-tail.ts'
import { parseEntry } from '../../core/entry/parse.ts'
import { createSplitter } from '../../core/entry/split.ts'
import { createLocalOffset } from '../../core/entry/time.ts'
import type { AuditEvent, Batch, Result } from '../../core/types.ts'
import { readAt } from '../follow/fingerprint.ts'
import { readIndexedFiles } from '../indexed-file.ts'

/** So much of the end of a log is looked at, and so many entries of it. */
const MOST_BYTES = 4 * 2 ** 20
const MOST_ENTRIES = 500
const MOST_INDEXED = 200
const NO_JSON = 'ModSecurity was not compiled with JSON support'

export type TailOptions = { storageDir: string; proxies: { trusted: readonly string[]; header: string } }

type Item = Batch['items'][number]

/** Reads the newest entries of an open log and sums them up. */
export async function readTail(fd: number, log: string, { storageDir, proxies }: TailOptions): Promise<TailSummary> {
  const { size } = fstatSync(fd)
  const bytes = readAt(fd, Math.max(0, size - MOST_BYTES), Math.min(size, MOST_BYTES))
  // What the piece begins with in the middle of the log is no whole line.
  const text = size > MOST_BYTES ? bytes.subarray(bytes.indexOf(10) + 1) : bytes
  const splitter = createSplitter({ offset: 0 })
  const pieces = [...splitter.push(text), ...splitter.settle()]
  const first =
    size > MOST_BYTES
      ? Math.max(
          0,
          pieces.findIndex(({ kind }) => kind === 'entry'),
        )
      : 0
  const isIndex = pieces.some(piece => piece.kind === 'entry' && piece.format === 'index-line')
  const some = pieces.slice(first).slice(isIndex ? -MOST_INDEXED : -MOST_ENTRIES)
  const items = some.map((piece): Item => {
    const place = { log, inode: 0n, offset: piece.start, length: piece.end - piece.start }
    return piece.kind === 'entry'
      ? { kind: 'entry', ...place, format: piece.format, text: piece.text, trust: piece.trust }
      : { kind: 'skipped', ...place, problem: piece.problem }
  })
  const read = await readIndexedFiles({ log, items, files: [], lostBytes: 0, pendingBytes: 0 }, storageDir)
  const context = { localOffsetMinutes: createLocalOffset(Date.now) }
  const entries = read.items.map(
    (item): Result<AuditEvent> => (item.kind === 'entry' ? parseEntry(item, context) : { ok: false, problem: item.problem }),
  )
  const saysNoJson = some.some(({ kind, start, end }) => kind === 'skipped' && text.subarray(start, end).includes(NO_JSON))
  return summarizeTail({ bytes: bytes.length, saysNoJson, entries, proxies })
}
