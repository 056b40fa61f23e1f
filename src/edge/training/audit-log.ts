import { type ParseContext, parseEntry } from '../../core/entry/parse.ts'
import { createSplitter, type Piece } from '../../core/entry/split.ts'
import { createLocalOffset } from '../../core/entry/time.ts'
import type { TrainingItem } from '../../core/training/item.ts'
import { isNotFoundStatus, isSuspectEvent } from '../../core/training/suspect.ts'
import { openIndexed } from '../indexed-file.ts'

/** Transactions that an index names and that are read at the same time. */
const AT_ONCE = 8

/** Reads the requests of an audit log of any format, some at a time; `storageDir` is where the files of a concurrent log lie. */
export async function* readAuditLog(
  chunks: AsyncIterable<Buffer>,
  { file, storageDir }: { file: string; storageDir: string },
): AsyncGenerator<TrainingItem[]> {
  const splitter = createSplitter({ offset: 0 })
  const context = { localOffsetMinutes: createLocalOffset() }
  const read = (piece: Piece) => readPiece(piece, { file, storageDir, context })
  for await (const chunk of chunks) yield* inGroups(splitter.push(chunk), read)
  yield* inGroups(splitter.finish(), read)
}

async function* inGroups(pieces: readonly Piece[], read: (piece: Piece) => Promise<TrainingItem>): AsyncGenerator<TrainingItem[]> {
  for (let at = 0; at < pieces.length; at += AT_ONCE) yield await Promise.all(pieces.slice(at, at + AT_ONCE).map(read))
}

async function readPiece(
  piece: Piece,
  { file, storageDir, context }: { file: string; storageDir: string; context: ParseContext },
): Promise<TrainingItem> {
  const problem = (text: string): TrainingItem => ({ ok: false, problem: text, file, where: `byte ${piece.start}` })
  if (piece.kind === 'skipped') return problem(piece.problem)
  const found = piece.format === 'index-line' ? await openIndexed(piece.text, storageDir) : ({ ok: true, value: piece } as const)
  if (!found.ok) return problem(found.problem)
  const event = parseEntry(found.value, context)
  if (!event.ok) return problem(event.problem)
  const { request, at, ip, status } = event.value
  if (request === undefined) return problem('the entry has no request (the audit log lacks part B)')
  const trust = piece.trust === 'low' || found.value.trust === 'low' ? 'low' : 'full'
  const isSuspect = isSuspectEvent(event.value, trust)
  return { ok: true, request, at, ip, isSuspect, ...(isNotFoundStatus(status) ? { isNotFound: true } : {}) }
}
