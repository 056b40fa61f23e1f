import { setInterval } from 'node:timers/promises'
import type { Millis } from './core/types.ts'

const TICK: Millis = 200

/** Something to do every so often; `due` may ask for it earlier. */
export type Chore = { every: Millis; due?: () => boolean; work: () => Promise<unknown> | unknown }

/** Does the chores one after the other, at most five looks a second, until the signal. A chore that throws ends it: chores handle what can pass. */
export async function runHousekeeping(
  chores: readonly Chore[],
  { signal, clock }: { signal: AbortSignal; clock: () => Millis },
): Promise<void> {
  const done = new Map(chores.map(chore => [chore, clock()]))
  try {
    for await (const _ of setInterval(TICK, undefined, { signal })) {
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
