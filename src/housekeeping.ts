import { setTimeout } from 'node:timers/promises'
import type { Settings } from './core/settings.ts'
import type { Millis } from './core/types.ts'
import type { Limits } from './edge/store/retention.ts'

/** Every wake of an idle process costs: two a second are enough for what others may have written. */
const TICK: Millis = 500

/** Something to do every so often; `due` may ask for it earlier. */
export type Chore = { every: Millis; due?: () => boolean; work: () => Promise<unknown> | unknown }

/** Begins the chores that are due, twice a second and when `nextAt` (on the same clock) says that something falls due, until the signal; then it waits for
 *  those under way. One that waits for something (a program of the firewall) keeps the others from nothing, and is not begun again meanwhile.
 *  A chore that throws ends it: chores handle what can pass. */
export async function runHousekeeping(chores: readonly Chore[], { signal, clock, nextAt }: Parts): Promise<void> {
  const done = new Map(chores.map(chore => [chore, clock()]))
  const running = new Map<Chore, Promise<unknown>>()
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const begin = (chore: Chore) => {
    done.set(chore, clock())
    const result = chore.work()
    if (!(result instanceof Promise)) return
    const work = result.catch(error => failed.abort(error)).finally(() => running.delete(chore))
    running.set(chore, work)
  }
  try {
    while (!either.aborted) {
      // What is due may be under way already.
      const pause = running.size > 0 ? TICK : Math.min(TICK, Math.max(1, nextAt() - clock()))
      await setTimeout(pause, undefined, { signal: either })
      for (const chore of chores) if (!running.has(chore) && (clock() - done.get(chore)! >= chore.every || chore.due?.())) begin(chore)
    }
  } catch (error) {
    if (!either.aborted) throw error
  } finally {
    await Promise.all(running.values())
  }
  if (failed.signal.aborted && !signal.aborted) throw failed.signal.reason
}

/** Says what is too old to be kept: a block as long as the next one of its address is measured by it. */
export function limitsOf({ retention, blockMemory, countWindow, maxEvents }: Settings, now: Millis): Limits {
  return { before: now - retention, blocksBefore: now - Math.max(retention, blockMemory), windowStart: now - countWindow, maxEvents }
}

type Parts = { signal: AbortSignal; clock: () => Millis; nextAt: () => Millis }
