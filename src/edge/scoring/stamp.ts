import { statSync } from 'node:fs'

/** The stamp of a file that is not there. */
export const NOT_THERE = 'not there'

/** What changes whenever the file does; a file that cannot be looked at has a stamp too, and is told when it is read. */
export function stampOf(path: string): string {
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    return found === undefined ? NOT_THERE : `${found.ino}:${found.mtimeMs}:${found.size}`
  } catch (error) {
    return `unreadable: ${(error as Error).message}`
  }
}
