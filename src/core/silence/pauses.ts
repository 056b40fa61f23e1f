import type { Millis } from '../types.ts'

const HOUR: Millis = 3_600_000
/** Four weeks: what is usual at a time of the week is seen four times in them. */
const REMEMBERED = 4 * 7 * 24

/** An hour (since 1970) in which entries came: the longest pause that ended in it, and when that was. */
export type HeardHour = { hour: number; pause: Millis; endedAt: Millis }

export type Pauses = ReturnType<typeof createPauses>

/** Makes the memory of the pauses between the entries of one log: one row for each hour of the last four weeks in which any came. */
export function createPauses() {
  const hours = new Map<number, HeardHour>()
  let lastAt: Millis | undefined
  return {
    /** Notes an entry; one from before the last says nothing about pauses. */
    note(at: Millis): void {
      if (lastAt !== undefined && at < lastAt) return
      const pause = lastAt === undefined ? 0 : at - lastAt
      const hour = Math.floor(at / HOUR)
      const known = hours.get(hour)
      if (known === undefined || pause > known.pause) hours.set(hour, { hour, pause, endedAt: at })
      if (known === undefined) for (const old of hours.keys()) if (old < hour - REMEMBERED) hours.delete(old)
      lastAt = at
    },
    /** When the last entry came. */
    lastAt: (): Millis | undefined => lastAt,
    hours: (): ReadonlyMap<number, HeardHour> => hours,
  }
}
