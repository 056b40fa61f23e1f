import type { Format, Result } from '../types.ts'
import { readParts } from './native-parts.ts'
import { LAYOUTS, type NativeFormat } from './shapes.ts'
import { createSplitter, type Piece } from './split.ts'

/** A transaction out of the file that an index names. */
export type IndexedEntry = { text: string; format: Format; trust: 'full' | 'low' }

/** Reads the bytes of a concurrent log's file, which holds one transaction: whatever else seems to stand in it was sent by
 *  that transaction's client, and then only parts A and B can be told apart (low trust). */
export function readIndexedEntry(bytes: Buffer): Result<IndexedEntry> {
  const reader = createIndexedReader()
  reader.push(bytes)
  return reader.finish()
}

/** Makes the same for a file that comes in pieces. */
export function createIndexedReader(): { push(chunk: Buffer): void; finish(): Result<IndexedEntry> } {
  const splitter = createSplitter({ offset: 0 })
  const pieces: Piece[] = []
  return {
    push: chunk => void pieces.push(...splitter.push(chunk)),
    finish: () => readPieces([...pieces, ...splitter.finish()]),
  }
}

function readPieces(pieces: readonly Piece[]): Result<IndexedEntry> {
  const [entry, ...more] = pieces.filter(piece => piece.kind === 'entry')
  if (entry === undefined || pieces[0] !== entry)
    return { ok: false, problem: pieces[0]?.kind === 'skipped' ? pieces[0].problem : 'file is empty' }
  if (entry.format === 'index-line') return { ok: false, problem: 'file holds an index, not a transaction' }
  const { text, format, trust } = entry
  if (more.length === 0 && (trust === 'low' || pieces.length === 1)) return { ok: true, value: { text, format, trust } }
  return outline(entry, format)
}

function outline({ text }: Piece & { kind: 'entry' }, format: Format): Result<IndexedEntry> {
  const parts = isNative(format) ? readParts(text, format) : undefined
  if (parts === undefined) return { ok: false, problem: 'file holds more than one transaction' }
  const heading = text.slice(0, text.indexOf('\n') + 1)
  const boundary = heading.slice(0, heading.lastIndexOf('A'))
  const partB = parts.has('B') ? `${boundary}B--\n${parts.get('B')}` : ''
  return { ok: true, value: { text: `${heading}${parts.get('A')}${partB}${boundary}Z--\n`, format, trust: 'low' } }
}

function isNative(format: Format): format is NativeFormat {
  return Object.hasOwn(LAYOUTS, format)
}
