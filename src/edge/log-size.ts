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
