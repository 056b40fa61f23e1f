import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { readAccessLine } from '../../core/training/access-line.ts'
import { present, type TrainingItem } from '../../core/training/item.ts'
import { readRequestLine } from '../../core/training/json-line.ts'
import { KIND_BYTES, type Kind, kindOf } from '../../core/training/kind.ts'
import { isNotFoundStatus, isSuspectStatus } from '../../core/training/suspect.ts'
import type { Result } from '../../core/types.ts'
import { readAt } from '../follow/fingerprint.ts'
import { packingOf, unpackStart } from '../follow/packed.ts'
import { CHANGED, MOST_LINE, readLines, readOpenFile, unpacked } from '../read-lines.ts'
import { readAuditLog } from './audit-log.ts'

/** Training data that can be read several times, always the same: what is appended or rotated meanwhile does not show. */
export type TrainingSource = {
  files: readonly { path: string; kind: Kind; bytes: number }[]
  /** The size of all files as they lie on disk. */
  totalBytes: number
  /** Reads everything from the beginning; `onBytes` is told how many bytes of the files each read took. Throws when a file cannot be read to its end. */
  read(onBytes?: (bytes: number) => void): AsyncGenerator<TrainingItem>
  close(): void
}

/** `storage`: where the files of a concurrent audit log lie; the folder of its index when it is not said. */
export type SourceOptions = { storage?: string | undefined }

/** `start`: its first bytes, by which a file is known that was rewritten in place (copytruncate). */
type OpenFile = { path: string; fd: number; bytes: number; start: Buffer; kind: Kind }

/** A line of an access log holds three values of 8 KB, each byte of which may be written as four. */
const MOST_ACCESS_LINE = 256 * 1024
const START_BYTES = 4096
/** Nothing at all, packed, takes some bytes and perhaps a file's name. */
const LARGEST_PACKED_NOTHING = 512
const KNOWN = 'requests as JSON lines ({"uri":"/",...}), an audit log, or an access log in the common or combined format'

/** Opens files of training data: requests as JSON lines, audit logs or access logs, each also packed with gzip or zstd; the beginning of a
 *  file says what it is. Throws when one is unreadable, no regular file, or of no known kind. */
export function openTrainingSource(paths: readonly string[], { storage }: SourceOptions = {}): TrainingSource {
  const files: OpenFile[] = []
  const close = () => {
    for (const { fd } of files.splice(0)) closeSync(fd)
  }
  try {
    for (const path of paths) files.push(openFile(path))
  } catch (error) {
    close()
    throw error
  }
  return {
    files: files.map(({ path, kind, bytes }) => ({ path, kind, bytes })),
    totalBytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    async *read(onBytes) {
      for (const file of files) {
        try {
          for await (const items of readFile(file, storage, onBytes)) for (const item of items) yield item
        } catch (error) {
          throw new Error(`cannot read ${file.path}: ${(error as Error).message}`, { cause: error })
        }
      }
    },
    close,
  }
}

function openFile(path: string): OpenFile {
  let fd: number | undefined
  try {
    // A pipe without a writer must not hang.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const file = fstatSync(fd)
    if (file.isDirectory()) throw new Error('it is a folder; name its files')
    if (!file.isFile()) throw new Error('it is no regular file, and training reads its data more than once; save it to a file first')
    return { path, fd, bytes: file.size, start: readAt(fd, 0, Math.min(file.size, START_BYTES)), kind: kindOfFile(fd, file.size) }
  } catch (error) {
    if (fd !== undefined) closeSync(fd)
    throw new Error(`cannot read ${path}: ${(error as Error).message}`, { cause: error })
  }
}

function kindOfFile(fd: number, size: number): Kind {
  if (size === 0) return 'empty'
  const start = readAt(fd, 0, KIND_BYTES)
  const packing = packingOf(start)
  if (packing === 'foreign') throw new Error('it is packed in a way that is not read here; unpack it or pack it with gzip or zstd')
  const first = packing === 'none' ? start : unpackStart(fd, packing, KIND_BYTES)
  if (first.length === 0 && size > LARGEST_PACKED_NOTHING)
    throw new Error(`it is damaged: it begins as ${packing} does and cannot be unpacked`)
  const kind = kindOf(first, packing !== 'none' || size > KIND_BYTES)
  if (kind === 'unknown') throw new Error(`it is none of ${KNOWN}`)
  return kind
}

function readFile(file: OpenFile, storage: string | undefined, onBytes?: (bytes: number) => void): AsyncGenerator<TrainingItem[]> {
  const { path, kind, start } = file
  if (!readAt(file.fd, 0, start.length).equals(start)) throw new Error(CHANGED)
  const chunks = unpacked(readOpenFile(file.fd, file.bytes, onBytes))
  if (kind === 'audit-log') return readAuditLog(chunks, { file: path, storageDir: storage ?? dirname(path) })
  if (kind === 'access-log') return readLineByLine(chunks, path, { encoding: 'latin1', mostBytes: MOST_ACCESS_LINE, read: accessItem })
  return readLineByLine(chunks, path, { encoding: 'utf8', mostBytes: MOST_LINE, read: requestItem })
}

type Found = Omit<TrainingItem & { ok: true }, 'ok'>
type Reading = { encoding: 'utf8' | 'latin1'; mostBytes: number; read: (line: string) => Result<Found> }

async function* readLineByLine(chunks: AsyncIterable<Buffer>, file: string, { read, ...options }: Reading): AsyncGenerator<TrainingItem[]> {
  for await (const lines of readLines(chunks, options)) {
    const items: TrainingItem[] = []
    for (const { number, text } of lines) {
      if (text !== undefined && text.trim() === '') continue
      const found = text === undefined ? ({ ok: false, problem: `is longer than ${options.mostBytes} bytes` } as const) : read(text)
      items.push(found.ok ? { ok: true, ...found.value } : { ok: false, problem: found.problem, file, where: `line ${number}` })
    }
    yield items
  }
}

function requestItem(line: string): Result<Found> {
  const read = readRequestLine(line)
  if (!read.ok) return read
  const { request, labels, isLabelClear } = read.value
  // "attack" or 2 may well mean one: nothing of which that is unclear teaches what is ordinary.
  if (!isLabelClear) return { ok: false, problem: 'has a label that is neither 0 nor 1' }
  return { ok: true, value: { request, ...labels, isSuspect: false } }
}

function accessItem(line: string): Result<Found> {
  const read = readAccessLine(line)
  if (!read.ok) return read
  const { request, at, ip, status } = read.value
  const known = present<Pick<Found, 'at' | 'ip' | 'isNotFound'>>({ at, ip, isNotFound: isNotFoundStatus(status) || undefined })
  return { ok: true, value: { request, ...known, isSuspect: isSuspectStatus(status) } }
}
