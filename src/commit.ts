import { setTimeout as pause } from 'node:timers/promises'
import type { Batch, Millis } from './core/types.ts'
import { isPassing, type Store } from './edge/store/store.ts'
import type { Health } from './health.ts'
import type { Handled } from './pipeline.ts'

const SECOND: Millis = 1000
const RETRY: Millis = SECOND / 2
/** A reader that holds the write-ahead log makes it grow: from here on batches are gathered for a second … */
const WAL_SLOW = 64 * 1024 * 1024
/** … and from here on the follower waits, as on a full disk. */
const WAL_FULL = 1024 * 1024 * 1024

type Parts = {
  store: Pick<Store, 'walBytes'>
  handle: (batch: Batch) => Handled
  health: Pick<Health, 'failed' | 'recovered'>
  /** Called at every try. */
  turn: () => void
  signal: AbortSignal
}

/** Makes the function that hands a batch in until the database takes it; undefined when the stop came first. Throws what no waiting mends. */
export function createCommit({ store, handle, health, turn, signal }: Parts): (batch: Batch) => Promise<Handled | undefined> {
  return async batch => {
    while (!signal.aborted) {
      turn()
      const held = store.walBytes()
      try {
        if (held > WAL_FULL) throw new Error(`a reader holds the write-ahead log at ${Math.round(held / 2 ** 20)} MB; end it`)
        if (held > WAL_SLOW) await pause(SECOND, undefined, { signal })
        const handled = handle(batch)
        health.recovered('database')
        return handled
      } catch (error) {
        if (signal.aborted) return undefined
        if (held <= WAL_FULL && !isPassing(error)) throw error
        health.failed('database', error instanceof Error ? error.message : String(error))
        await pause(RETRY, undefined, { signal }).catch(() => {})
      }
    }
    return undefined
  }
}
