import { type BigIntStats, fstatSync, statSync } from 'node:fs'
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

/** Gives where the last line begins that is not whole: reading from the end of a log must not begin in the middle of an entry. */
export function lastLineStart(fd: number): number {
  const { size } = fstatSync(fd)
  const from = Math.max(0, size - 1024 * 1024)
  const newline = readAt(fd, from, size - from).lastIndexOf(10)
  return newline < 0 ? size : from + newline + 1
}
