import type { Database } from 'better-sqlite3'
import type { Millis } from '../../core/types.ts'

const HOUR = 3_600_000

export type HourBand = { hour: number; band: number; events: number; intercepted: number }

/** How many events fell into which band of the score, by hour. */
export function createScores(database: Database) {
  const upsert = database.prepare(
    `INSERT INTO scores (hour, band, events, intercepted) VALUES (?, ?, ?, ?)
     ON CONFLICT (hour, band) DO UPDATE SET events = events + excluded.events, intercepted = intercepted + excluded.intercepted`,
  )
  return {
    add({ hour, band, events, intercepted }: HourBand): void {
      upsert.run(hour, band, events, intercepted)
    },
  }
}

/** The hour that holds an instant, counted from 1970. */
export function hourOf(at: Millis): number {
  return Math.floor(at / HOUR)
}

/** The band of a score: 0 for 0 to below 1, …, 9 for 9 to 10. */
export function bandOf(score: number): number {
  return Math.min(9, Math.max(0, Math.floor(score)))
}
