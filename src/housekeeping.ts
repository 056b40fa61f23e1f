import { setTimeout } from 'node:timers/promises'
import type { Settings } from './core/settings.ts'
import type { Millis } from './core/types.ts'
import type { Limits } from './edge/store/retention.ts'

/** Every wake of an idle process costs: two a second are enough for what others may have written. */
const TICK: Millis = 500

/** Something to do every so often; `due` may ask for it earlier. */
export type Chore = { every: Millis; due?: () => boolean; work: () => Promise<unknown> | unknown }

/** Does the chores one after the other, twice a second and when `nextAt` (on the same clock) says that something falls due, until the signal.
 *  A chore that throws ends it: chores handle what can pass. */
export async function runHousekeeping(chores: readonly Chore[], { signal, clock, nextAt }: Parts): Promise<void> {
  const done = new Map(chores.map(chore => [chore, clock()]))
  try {
    while (!signal.aborted) {
      await setTimeout(Math.min(TICK, Math.max(1, nextAt() - clock())), undefined, { signal })
      for (const chore of chores) {
        if (clock() - done.get(chore)! < chore.every && !chore.due?.()) continue
        done.set(chore, clock())
        await chore.work()
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** Says what is too old to be kept: a block as long as the next one of its address is measured by it. */
export function limitsOf({ retention, blockMemory, countWindow, maxEvents }: Settings, now: Millis): Limits {
  return { before: now - retention, blocksBefore: now - Math.max(retention, blockMemory), windowStart: now - countWindow, maxEvents }
}

type Parts = { signal: AbortSignal; clock: () => Millis; nextAt: () => Millis }
