import type { Millis } from '../types.ts'

/** Requests that come in one turn of the event loop right after another turn may have waited since that one began. */
const GAP: Millis = 1

/** Finds out how long a request may have waited before this process looked at it. `afterTurn` runs its argument when everything that was ready in
 *  this turn of the event loop is done. */
export function createLag(clock: () => Millis, afterTurn: (work: () => void) => void): { arrivedSince(): Millis } {
  let isInTurn = false
  let oldest = 0
  let turn = { began: Number.NEGATIVE_INFINITY, ended: Number.NEGATIVE_INFINITY }
  return {
    /** The earliest moment at which what is handled now can have arrived. */
    arrivedSince() {
      if (isInTurn) return oldest
      isInTurn = true
      const began = clock()
      oldest = began - turn.ended < GAP ? turn.began : began
      afterTurn(() => {
        isInTurn = false
        turn = { began, ended: clock() }
      })
      return oldest
    },
  }
}
