import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Run } from '../run-command.ts'

const STEP = 100
/** More than one entry of a request without a body is long. */
const MOST = 1024 * 1024

export type Place = { inode: number; offset: number }

/** Where a log ends now; undefined when it cannot be read. */
export function endOf(path: string): Place | undefined {
  try {
    const fd = openSync(path, 'r')
    try {
      const { ino, size } = fstatSync(fd)
      return { inode: ino, offset: size }
    } finally {
      closeSync(fd)
    }
  } catch {
    return undefined
  }
}

/** Waits until a text stands in a log behind `from`, and gives the place behind it; undefined when it does not come within `patience` ms. */
export async function waitForText(path: string, text: string, from: Place, patience: number): Promise<Place | undefined> {
  for (let waited = 0; ; waited += STEP) {
    const found = find(path, text, from)
    if (found !== undefined || waited >= patience) return found
    await pause(STEP)
  }
}

function find(path: string, text: string, from: Place): Place | undefined {
  const fd = openSync(path, 'r')
  try {
    const { ino, size } = fstatSync(fd)
    const start = Math.max(ino === from.inode && size >= from.offset ? from.offset : 0, size - MOST)
    const bytes = Buffer.alloc(Math.min(size - start, MOST))
    readSync(fd, bytes, 0, bytes.length, start)
    const at = bytes.indexOf(text)
    return at < 0 ? undefined : { inode: ino, offset: start + at + text.length }
  } finally {
    closeSync(fd)
  }
}

/** Waits until the daemon has read a log beyond a place. It is asked by its own command, which gives up root before it opens the database. */
export async function waitForDaemon(
  path: string,
  place: Place,
  { run, command, patience }: { run: Run; command: readonly string[]; patience: number },
): Promise<boolean> {
  const [program, ...args] = command
  for (let waited = 0; waited < patience; waited += 5 * STEP) {
    const status = await run(program!, [...args, 'status', '--json']).then(JSON.parse, () => undefined)
    const log = (status as { logs: { path: string; inode: number | null; offset: number | null }[] } | undefined)?.logs.find(
      one => one.path === path,
    )
    if (log?.offset != null && (log.inode !== place.inode || log.offset >= place.offset)) return true
    await pause(5 * STEP)
  }
  return false
}
