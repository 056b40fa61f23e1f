import { type BrakeCounts, isTooMuch } from './core/brake.ts'
import type { Settings } from './core/settings.ts'
import type { Millis } from './core/types.ts'
import type { Store } from './edge/store/store.ts'

const HOUR: Millis = 3_600_000
/** What the last days suggest. */
const MEMORY: Millis = 7 * 24 * HOUR

/** Seen as many as this, a share of them is no matter of counting. */
const MOST_CLIENTS = 1_000_000

type Parts = {
  store: Store
  settings: Settings
  model: string
  now: Millis
  /** Makes the addresses that were seen in this batch count. */
  saveActivity: () => void
}

/** Makes the brake for one batch, within its transaction: it lets blocks pass that two witnesses agree on, and the others until they are too many; then
 *  it pauses them until somebody resumes. */
export function createBrake({ store, settings, model, now, saveActivity }: Parts) {
  const isOff = settings.brakeAddresses === 0
  const isArmed = !isOff && store.brake.armedAt(model, now) <= now
  let state = store.brake.state()
  let known: { blocked: number; usual: number | undefined; clients: number; counted: number } | undefined
  let held = 0

  function measure(): BrakeCounts | undefined {
    known ??= { blocked: store.brake.countAlone(now - HOUR), usual: undefined, clients: 0, counted: 0 }
    const blocked = known.blocked + 1
    // What costs more is only looked up where it may decide.
    if (blocked <= settings.brakeAddresses) return undefined
    known.usual ??= store.brake.busiestHour(now - MEMORY, now - HOUR)
    if (blocked <= settings.brakeFactor * known.usual) return undefined
    return { blocked, usual: known.usual, clients: clientsAsFarAs(Math.ceil(blocked / settings.brakeShare), known) }
  }

  /** Counts the addresses seen, no further than decides. */
  function clientsAsFarAs(needed: number, known: { clients: number; counted: number }): number {
    const isAll = known.clients < known.counted
    if (!isAll && known.counted <= needed) {
      saveActivity()
      known.counted = Math.min(2 * needed + 1, MOST_CLIENTS)
      known.clients = store.brake.countClients(now - HOUR, known.counted)
    }
    return known.clients
  }

  return {
    /** Says whether a block may be made; it then counts as made. */
    admits(isCorroborated: boolean): boolean {
      if (isOff || isCorroborated) return true
      if (isArmed && !state.paused && state.resumedUntil <= now) {
        const counts = measure()
        if (counts !== undefined && isTooMuch(counts, settings)) {
          state = { paused: true, at: now, ...counts, model }
          store.brake.set(state)
        }
      }
      if (state.paused) held++
      else if (known !== undefined) known.blocked++
      return !state.paused
    },
    /** How many blocks were held back. */
    held: () => held,
  }
}

export type Brake = ReturnType<typeof createBrake>
