import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createDeniedList, type DeniedList } from '../../core/scoring/denied.ts'
import type { Millis } from '../../core/types.ts'
import { NOT_THERE, stampOf } from './stamp.ts'

const MOST_BYTES = 16 * 1024 * 1024
const CHUNK = 64 * 1024

/** Keeps the list of denied clients in step with its file. `refresh` costs one stat at most every `every` ms; a changed file is read beside the
 *  requests, piece by piece, and until it is read the old list holds. */
export function watchDeniedFile(path: string, { every, clock }: { every: Millis; clock: () => Millis }) {
  let list: DeniedList = createDeniedList()
  let seen = NOT_THERE
  let lookedAt = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | undefined
  let problem: string | undefined

  function refresh(): void {
    if (reading !== undefined || clock() - lookedAt < every) return
    lookedAt = clock()
    const stamp = stampOf(path)
    if (stamp === seen) return
    seen = stamp
    if (stamp === NOT_THERE) {
      list = createDeniedList()
      problem = undefined
      return
    }
    reading = read().finally(() => {
      reading = undefined
    })
  }

  async function read(): Promise<void> {
    try {
      list = await readList(path)
      problem = undefined
    } catch (error) {
      problem = (error as Error).message
    }
  }

  return {
    refresh,
    current: () => list,
    /** What kept the file from being read, until it can be. */
    problem: () => problem,
    /** Resolves when the reading that is under way is done. */
    settled: async () => await reading,
  }
}

async function readList(path: string): Promise<DeniedList> {
  const list = createDeniedList()
  // A pipe has no writer that could be waited for.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!(await file.stat()).isFile()) throw new Error(`${path} is no file`)
    const buffer = Buffer.alloc(CHUNK)
    let rest = ''
    for (let at = 0; at < MOST_BYTES; ) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK, at)
      if (bytesRead === 0) break
      at += bytesRead
      const lines = (rest + buffer.toString('latin1', 0, bytesRead)).split('\n')
      // A piece without a line end in so many bytes is no line.
      rest = lines.pop()!.slice(0, CHUNK)
      list.add(lines)
      await nextTurn()
    }
    list.add([rest])
    if (list.size === 0 && list.ignored > 0) throw new Error(`${path} has lines, but none says who is denied`)
    return list
  } finally {
    await file.close()
  }
}
