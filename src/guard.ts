import { isPassing } from './edge/store/store.ts'
import type { Health } from './health.ts'

/** Makes what chores write through: what the database refuses for now is told, and the chore does it at its next turn. Without entries no batch says
 *  that the database takes something again. */
export function createGuard(health: Pick<Health, 'failed' | 'recovered'>) {
  let isHeld = false

  /** Notes that the database refused something for now. */
  function refused(error: unknown): void {
    isHeld = true
    health.failed('database', error instanceof Error ? error.message : String(error))
  }

  return {
    refused,

    /** Runs `work`; throws what does not pass. */
    guarded(work: () => void): void {
      try {
        work()
      } catch (error) {
        if (!isPassing(error)) throw error
        refused(error)
      }
    },

    /** Notes that the database took a write: what a chore told is over. */
    wrote(): void {
      if (isHeld) health.recovered('database')
      isHeld = false
    },
  }
}
