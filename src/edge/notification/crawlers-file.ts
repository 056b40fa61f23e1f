import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { MOST_LIST_BYTES } from '../../core/crawler.ts'
import { stampOf } from '../scoring/stamp.ts'

/** Gives the path of the list of verified crawlers. */
export function crawlersPath(notifyDir: string): string {
  return join(notifyDir, 'crawlers')
}

export type CrawlersFile = {
  /** Gives the text of the list when it is another one than last time; undefined otherwise, or when it cannot be read. */
  readNew(notifyDir: string): string | undefined
}

/** Opens the list of verified crawlers, which another user writes: whatever is there instead of a file of bounded length is not read. */
export function openCrawlersFile(): CrawlersFile {
  let seen = ''
  return {
    readNew(notifyDir) {
      const path = crawlersPath(notifyDir)
      const stamp = `${path} ${stampOf(path)}`
      if (stamp === seen) return undefined
      seen = stamp
      return readBounded(path)
    },
  }
}

function readBounded(path: string): string | undefined {
  let fd: number | undefined
  try {
    // Neither a link to elsewhere nor a pipe that nobody writes to.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const { size } = fstatSync(fd)
    if (!fstatSync(fd).isFile() || size > MOST_LIST_BYTES) return undefined
    const bytes = Buffer.alloc(size)
    return bytes.toString('latin1', 0, readSync(fd, bytes, 0, size, 0))
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
