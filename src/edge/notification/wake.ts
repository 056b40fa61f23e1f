import { type FSWatcher, watch } from 'node:fs'
import type { Millis } from '../../core/types.ts'

/** Who has looked at a folder waits here until something happens in it. */
export type Wake = {
  /** Ask before looking: what happens from here on ends the wait that is given this. */
  turn(): number
  /** Ends when something has happened since `turn`, when the instant `until` has come, or at the signal. */
  wait(turn: number, until: Millis): Promise<void>
  /** Ends all waits, as a change does. */
  nudge(): void
  close(): void
}

/** A change may go unnoticed (the folder was not there, the kernel's queue was full): look all the same every so often. */
const LONGEST: Millis = 30_000

/** Watches a folder for those who wait for changes in it. */
export function createWake(folder: string, { clock, signal }: { clock: () => Millis; signal: AbortSignal }): Wake {
  let watcher: FSWatcher | undefined
  let changes = 0
  let waiting: (() => void)[] = []

  function nudge(): void {
    changes++
    const all = waiting
    waiting = []
    for (const go of all) go()
  }

  function watchFolder(): void {
    if (watcher !== undefined) return
    try {
      watcher = watch(folder, nudge)
      watcher.on('error', close)
    } catch {
      // It is not there yet: the next turn tries again.
    }
  }

  function close(): void {
    watcher?.close()
    watcher = undefined
  }

  signal.addEventListener('abort', nudge)
  return {
    turn() {
      watchFolder()
      return changes
    },
    async wait(turn, until) {
      if (signal.aborted || changes !== turn) return
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, Math.min(LONGEST, Math.max(1, until - clock())))
        waiting.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    },
    nudge,
    close,
  }
}
