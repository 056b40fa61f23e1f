import { statSync } from 'node:fs'

export type LogSize = { inode: number; bytes: number }

/** Gives what a log holds now; undefined when it is not there or cannot be seen. */
export function logSize(path: string): LogSize | undefined {
  try {
    const { ino, size } = statSync(path)
    return { inode: ino, bytes: size }
  } catch {
    return undefined
  }
}

/** Says whether nothing has that name; false where that cannot be seen. */
export function isGone(path: string): boolean {
  try {
    statSync(path)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}
