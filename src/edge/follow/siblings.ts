import { closeSync, constants, fstatSync, openSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { FileState } from '../../core/types.ts'
import { HEAD, hasHead, hasTail, readAt } from './fingerprint.ts'
import { type Packing, packingOf, unpackStart } from './packed.ts'

/** A rotated copy of a log beside it, opened; `first` are its first bytes, unpacked. */
export type Sibling = { fd: number; device: bigint; inode: bigint; size: number; mtimeNs: bigint; packing: Packing; first: Buffer }

const MOST_LINKS = 8
/** So often is looked again at files that are being renamed. */
const MOST_LOOKS = 50
const YOUNG = 50

/** Opens the rotated files beside a log (`audit.log.1`, `audit.log-20261124.gz`, `audit-20261124.log` …), each once, oldest first.
 *  Where the log is a link, also those beside what it names. What cannot be opened or unpacked, and `others`, are passed over. */
export function openSiblings(log: string, others: readonly string[]): Sibling[] {
  for (let look = 1; ; look++) {
    const paths = siblingPaths(log, others)
    const ids = paths.map(idOf)
    const opened = paths.map(openSibling)
    const siblings = opened.flatMap(({ sibling }) => sibling ?? [])
    // A rotation renames one file after the other: one whose name changed meanwhile would be passed over, or opened twice.
    const isStill =
      isDeepStrictEqual(siblingPaths(log, others).map(idOf), ids) && opened.every(({ id }, index) => id === undefined || id === ids[index])
    if (isStill || look === MOST_LOOKS) return once(siblings).sort((a, b) => (a.mtimeNs < b.mtimeNs ? -1 : 1))
    closeSiblings(siblings)
  }
}

/** A file may have several names. */
function once(siblings: readonly Sibling[]): Sibling[] {
  const ids = siblings.map(({ device, inode }) => `${device}:${inode}`)
  closeSiblings(siblings.filter((_, index) => ids.indexOf(ids[index]!) < index))
  return siblings.filter((_, index) => ids.indexOf(ids[index]!) === index)
}

/** Which file a path names; '' when there is none. */
function idOf(path: string): string {
  try {
    const { dev, ino } = statSync(path, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return ''
  }
}

/** Gives the paths of the rotated files beside a log, in no order; see openSiblings. */
export function siblingPaths(log: string, others: readonly string[]): string[] {
  const known = new Set([log, ...others])
  const paths = places(log).flatMap(({ folder, base }) => {
    const names = listFolder(folder).filter(name => isRotatedName(name, base))
    return names.map(name => join(folder, name)).filter(path => !known.has(path))
  })
  return [...new Set(paths)]
}

/** Closes siblings that nobody took over. */
export function closeSiblings(siblings: Iterable<Sibling>): void {
  for (const { fd } of siblings) closeSync(fd)
}

/** Gives a text that changes when a file comes or goes beside a log, or is renamed. The file system's clock moves in steps of some milliseconds:
 *  while it `isYoung`, something more may have happened under the same text. */
export function folderStamp(log: string): { text: string; isYoung: boolean } {
  const times = places(log).map(({ folder }) => changedAt(folder))
  return { text: times.join(), isYoung: times.some(time => time !== undefined && Math.abs(Date.now() - Number(time / 1_000_000n)) < YOUNG) }
}

/** Says whether the file behind a descriptor holds what had been read of a reading state, so that reading can go on there. */
export function continues(fd: number, state: Pick<FileState, 'head' | 'tail' | 'offset'>): boolean {
  return fstatSync(fd).size >= state.offset && hasHead(readAt(fd, 0, HEAD), state) && hasTail(fd, state.offset, state.tail)
}

/** The names under which a log may be rotated: its own, and those of what it links to, also while nothing is there. */
function places(log: string): { folder: string; base: string }[] {
  const found = [{ folder: dirname(log), base: basename(log) }]
  for (let path = log, links = 0; links < MOST_LINKS; links++) {
    try {
      path = resolve(realpathSync(dirname(path)), readlinkSync(path))
    } catch {
      break
    }
    found.push({ folder: dirname(path), base: basename(path) })
  }
  return found
}

function isRotatedName(name: string, base: string): boolean {
  if (name.startsWith(`${base}.`) || name.startsWith(`${base}-`)) return true
  // With its directive 'extension', logrotate keeps what comes behind the last dot at the end.
  const extension = extname(base)
  const stem = base.slice(0, base.length - extension.length)
  if (extension === '' || !name.startsWith(stem)) return false
  const end = name.lastIndexOf(extension)
  return end > stem.length && /^[.-]\d[\d._-]*$/.test(name.slice(stem.length, end)) && /^(\.\w+)?$/.test(name.slice(end + extension.length))
}

/** `id` is which file was opened; undefined when it is there and cannot be opened. */
function openSibling(path: string): { id: string | undefined; sibling?: Sibling } {
  let fd: number | undefined
  let id: string | undefined
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const { dev, ino, size, mtimeNs, ...stats } = fstatSync(fd, { bigint: true })
    id = `${dev}:${ino}`
    const start = (stats.mode & BigInt(constants.S_IFMT)) === BigInt(constants.S_IFREG) ? readAt(fd, 0, HEAD) : undefined
    const packing = start === undefined ? 'foreign' : packingOf(start)
    if (start === undefined || packing === 'foreign') throw new Error('it is no file of ours')
    const first = packing === 'none' ? start : unpackStart(fd, packing, HEAD)
    return { id, sibling: { fd, device: dev, inode: ino, size: Number(size), mtimeNs, packing, first } }
  } catch (error) {
    if (fd !== undefined) closeSync(fd)
    return { id: (error as NodeJS.ErrnoException).code === 'ENOENT' ? '' : id }
  }
}

function changedAt(folder: string): bigint | undefined {
  try {
    return statSync(folder, { bigint: true }).mtimeNs
  } catch {
    return undefined
  }
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
