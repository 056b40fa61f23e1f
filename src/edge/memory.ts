import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type Collect = (options: { type: 'major'; flavor: 'regular' | 'last-resort' }) => void

/** A backlog leaves this much garbage before it is collected: V8 alone would let the heap grow to five times what is in use. */
const GARBAGE = 16 * 1024 * 1024

/** Gives back to the system what a start leaves of garbage. */
export function shrinkMemory(): void {
  collector()({ type: 'major', flavor: 'last-resort' })
}

/** Makes a keeper of memory: tell it how many bytes of log were handled, and when nothing is to be done. */
export function createMemoryKeeper() {
  const collect = collector()
  let handled = 0
  let isRested = true
  return {
    handled(bytes: number): void {
      isRested = false
      handled += bytes
      if (handled < GARBAGE) return
      handled = 0
      collect({ type: 'major', flavor: 'regular' })
    },
    /** Gives memory back to the system; false when nothing was handled since the last time. */
    rest(): boolean {
      if (isRested) return false
      isRested = true
      handled = 0
      collect({ type: 'major', flavor: 'last-resort' })
      return true
    },
  }
}

function collector(): Collect {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as Collect
}
