import type { Millis } from './core/types.ts'
import type { Log } from './edge/log.ts'
import type { Store } from './edge/store/store.ts'

/** A clock that went evenly for so long is right, or will not be put right: a machine whose clock stands in the past at the boot asks for the time
 *  in its first minutes, and what was written before that is no future. */
const SETTLE: Millis = 15 * 60_000
/** What is put right by no more is nobody's matter. */
const JUMP: Millis = 60_000

type Parts = { store: Pick<Store, 'future' | 'transaction'>; log: Log; clock: () => Millis; now: () => Millis }

/** Makes the look at the clock: once it has gone evenly for a quarter of an hour, after the start and after each time that it jumped, it moves back what
 *  was written in the future, or a block that was made while the clock stood years ahead would last until then. True when it moved a block or an
 *  allowed network. */
export function createClockWatch({ store, log, clock, now }: Parts): () => boolean {
  let since = now()
  let ahead = clock() - now()
  let isDone = false
  return () => {
    if (Math.abs(clock() - now() - ahead) > JUMP) {
      since = now()
      ahead = clock() - now()
      isDone = false
    }
    if (isDone || now() - since < SETTLE) return false
    const moved = store.transaction(() => store.future.mend(clock()))
    isDone = true
    if (Object.values(moved).some(rows => rows > 0)) log.warn('future.mended', moved)
    return moved.blocks + moved.allowed > 0
  }
}
