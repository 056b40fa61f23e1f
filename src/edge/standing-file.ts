import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createStandingReader, MOST_STANDING_LINE } from '../core/standing-lines.ts'
import type { Millis, Result } from '../core/types.ts'
import { readLines, readOpenFile } from './read-lines.ts'

const MODE = 0o640
/** A million blocks, as many as `max_blocks` may say, take about 200 MB. */
const MOST_BYTES = 1024 * 1024 * 1024

/** Gives the path of the standing file that belongs to a database: what stood, should the database be damaged. */
export function standingPath(database: string): string {
  return `${database}.standing`
}

/** Writes the file piece by piece and gives its bytes; nobody ever sees half of it, also after a loss of power. Nothing here holds up the event loop but
 *  making the pieces. Throws what writing throws; the file is then as it was. One at a time. */
export async function writeStanding(path: string, pieces: Iterable<string>): Promise<number> {
  const unfinished = `${path}.new`
  await rm(unfinished, { force: true })
  const file = await open(unfinished, 'wx', MODE)
  try {
    const bytes = await fill(file, pieces)
    await rename(unfinished, path)
    await syncFolder(dirname(path))
    return bytes
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => {})
    throw error
  }
}

/** Adds what a command did to the file, where there is one: without a daemon nobody else does, and what was unblocked must not come back. What cannot be
 *  added is left to the next daemon, which writes all of it from the database. */
export function addToStanding(database: string, lines: readonly string[]): void {
  let fd: number | undefined
  try {
    fd = openSync(standingPath(database), constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    // On a full disk another command may have left half a line.
    if (lines.length > 0) writeSync(fd, `\n${lines.join('\n')}\n`)
  } catch {
    // The database has it.
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Reads the file's lines; a problem when it cannot be read. `writtenAt`: when it was written. */
export async function readStanding(
  path: string,
  now: Millis,
): Promise<Result<{ reader: ReturnType<typeof createStandingReader>; writtenAt: Millis }>> {
  let fd: number | undefined
  try {
    // Opening a FIFO would wait for its other end.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const found = fstatSync(fd)
    const { size, mtimeMs } = found
    if (!found.isFile()) return { ok: false, problem: `${path} is no file` }
    if (size > MOST_BYTES) return { ok: false, problem: `${path} is too large: ${size} bytes` }
    const reader = createStandingReader(now)
    for await (const lines of readLines(readOpenFile(fd, size), { encoding: 'utf8', mostBytes: MOST_STANDING_LINE }))
      for (const { text } of lines) reader.take(text)
    return { ok: true, value: { reader, writtenAt: mtimeMs } }
  } catch (error) {
    return { ok: false, problem: (error as Error).message }
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

async function fill(file: FileHandle, pieces: Iterable<string>): Promise<number> {
  try {
    let bytes = 0
    for (const piece of pieces) {
      await file.appendFile(piece)
      bytes += Buffer.byteLength(piece)
    }
    // Whatever the umask.
    await file.chmod(MODE)
    await file.sync()
    return bytes
  } finally {
    await file.close()
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
