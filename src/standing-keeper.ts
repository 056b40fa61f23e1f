import { allowLine, blockLine } from './core/standing-lines.ts'
import type { Millis } from './core/types.ts'
import type { Log } from './edge/log.ts'
import { writeStanding } from './edge/standing-file.ts'
import type { ShownBlock } from './edge/store/blocks.ts'
import type { Store } from './edge/store/store.ts'

const MINUTE: Millis = 60_000
/** A larger file is written less often: with 100,000 blocks a minute's pause would wear the disk out. */
const BYTES_A_MINUTE = 4 * 1024 * 1024
/** So many blocks are read at a time; entries are handled in between. */
const PIECE = 500

type Parts = { store: Pick<Store, 'blocks' | 'allow'>; path: string; log: Log; clock: () => Millis; now: () => Millis }

/** Keeps the standing file, from which the blocks and what is allowed come back should the database be damaged. `write` does nothing when nothing
 *  changed or the last time is less than a minute ago, and never throws: what goes wrong is told, and tried again a minute later. */
export function createStandingKeeper({ store, path, log, clock, now }: Parts) {
  let hasChanged = true
  let isClosed = false
  let isFailing = false
  let nextAt = Number.NEGATIVE_INFINITY
  let writing: Promise<void> | undefined

  function* pieces(): Generator<string> {
    yield store.allow
      .standing(clock())
      .map(({ added_at: addedAt, expires_at, ...row }) => `${allowLine({ ...row, addedAt, expiresAt: endOf(expires_at) })}\n`)
      .join('')
    for (let last = ''; ; ) {
      // What is left unfinished is no file.
      if (isClosed) throw new Error('the daemon ended')
      const rows = store.blocks.activeAfter(last, clock(), PIECE)
      if (rows.length === 0) return
      last = rows.at(-1)!.ip
      yield rows.map(row => `${blockLine(toBlock(row))}\n`).join('')
    }
  }

  async function writeNow(): Promise<void> {
    hasChanged = false
    try {
      const bytes = await writeStanding(path, pieces())
      nextAt = now() + MINUTE * Math.max(1, bytes / BYTES_A_MINUTE)
      if (isFailing) log.info('standing.recovered', { path })
      isFailing = false
    } catch (error) {
      hasChanged = true
      nextAt = now() + MINUTE
      // Blocking goes on without it: no reason to say that the daemon is not sound.
      if (isFailing || isClosed) return
      isFailing = true
      log.warn('standing.failed', { path, problem: (error as Error).message, remedy: 'make room; it is tried again every minute' })
    }
  }

  return {
    /** Notes that blocks or what is allowed came or went. */
    changed(): void {
      hasChanged = true
    },

    /** Brings the file up to date when it is time, or whatever the time with `isLast`. Resolves when it is done. */
    async write({ isLast } = { isLast: false }): Promise<void> {
      if (isLast) await writing
      if (writing !== undefined || !hasChanged || (!isLast && now() < nextAt)) return
      writing = writeNow()
      await writing
      writing = undefined
    },

    /** Lets go of the database: a writing that goes on is given up. */
    async close(): Promise<void> {
      isClosed = true
      await writing
    },
  }
}

function toBlock(row: ShownBlock) {
  const { ip, reason, score, enforcement, step, note, origin } = row
  const rest = { threatCount: row.threat_count, blockedAt: row.blocked_at, isCorroborated: row.corroborated === 1 }
  return { ip, reason, score, enforcement, step, note, origin, ...rest, expiresAt: endOf(row.expires_at) }
}

function endOf(expiresAt: Millis | null): Millis {
  return expiresAt ?? Number.POSITIVE_INFINITY
}
