import {
  type BigIntStats,
  closeSync,
  constants,
  createReadStream,
  createWriteStream,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { FileState } from '../../core/types.ts'
import { hasHead, hasPackedHead, hasTail } from './fingerprint.ts'

/** A rotated copy of a log beside it, opened. */
export type Sibling = { path: string; fd: number; device: bigint; inode: bigint; size: number; mtimeNs: bigint; isPacked: boolean }

/** Opens the rotated files beside a log (`audit.log.1`, `audit.log-20261124.gz` …), oldest first. What cannot be opened is passed over. */
export function openSiblings(log: string): Sibling[] {
  const base = basename(log)
  const names = listFolder(dirname(log)).filter(name => name.startsWith(`${base}.`) || name.startsWith(`${base}-`))
  const opened = names.flatMap(name => openSibling(join(dirname(log), name)))
  return opened.sort((a, b) => (a.mtimeNs < b.mtimeNs ? -1 : 1))
}

/** Closes siblings that nobody took over. */
export function closeSiblings(siblings: Iterable<Sibling>): void {
  for (const { fd } of siblings) closeSync(fd)
}

/** Says whether a sibling is, or is a copy of, the file of a reading state. */
export function isCopyOf(sibling: Sibling, state: Pick<FileState, 'head'>): boolean {
  return sibling.isPacked ? hasPackedHead(sibling.fd, state.head) : hasHead(sibling.fd, state.head)
}

/** Says whether the file behind a descriptor holds what had been read of a reading state, so that reading can go on there. */
export function continues(fd: number, state: Pick<FileState, 'head' | 'tail' | 'offset'>): boolean {
  return fstatSync(fd).size >= state.offset && (state.offset === 0 || (hasHead(fd, state.head) && hasTail(fd, state.offset, state.tail)))
}

/** Unpacks a gzip file into one that has no name any more, and gives its descriptor; undefined when it is damaged. */
export async function unpack(path: string): Promise<number | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-'))
  const target = join(folder, 'unpacked')
  try {
    await pipeline(createReadStream(path), createGunzip(), createWriteStream(target, { mode: 0o600 }))
    return openSync(target, 'r')
  } catch {
    return undefined
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function openSibling(path: string): Sibling[] {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats: BigIntStats = fstatSync(fd, { bigint: true })
    if (!stats.isFile()) {
      closeSync(fd)
      return []
    }
    return [
      {
        path,
        fd,
        device: stats.dev,
        inode: stats.ino,
        size: Number(stats.size),
        mtimeNs: stats.mtimeNs,
        isPacked: path.endsWith('.gz'),
      },
    ]
  } catch {
    return []
  }
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
