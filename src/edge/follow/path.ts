import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { readAt } from './fingerprint.ts'

/** Gives what a path names, or the problem when that cannot be seen; neither when it names nothing. */
export function statPath(path: string): { stats?: BigIntStats; problem?: string } {
  try {
    return { stats: statSync(path, { bigint: true }) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR' ? {} : { problem: message }
  }
}

/** Says whether a path names a symbolic link; no, where that cannot be seen. */
export function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink()
  } catch {
    return false
  }
}

/** Opens a regular file to read, without waiting for a writer should it be a pipe. Throws when it is something else. */
export function openRegular(path: string): { fd: number; dev: bigint; ino: bigint } {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stats = fstatSync(fd, { bigint: true })
    if (!stats.isFile()) throw new Error('it is no regular file')
    return { fd, dev: stats.dev, ino: stats.ino }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Gives where the last line begins that is not whole: reading from the end of a log must not begin in the middle of an entry. */
export function lastLineStart(fd: number): number {
  const { size } = fstatSync(fd)
  const from = Math.max(0, size - 1024 * 1024)
  const newline = readAt(fd, from, size - from).lastIndexOf(10)
  return newline < 0 ? size : from + newline + 1
}

/** Gives what tells whether two paths name the same file: the file, or where it would be that is not there yet. */
export function fileOf(path: string): string {
  const { stats } = statPath(path)
  if (stats !== undefined) return `${stats.dev}:${stats.ino}`
  try {
    return join(realpathSync(dirname(path)), basename(path))
  } catch {
    return path
  }
}
