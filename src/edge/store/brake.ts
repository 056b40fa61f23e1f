import type { Database } from 'better-sqlite3'
import type { Millis } from '../../core/types.ts'

const HOUR: Millis = 3_600_000
const DAY: Millis = 24 * HOUR

/** Why automatic blocking pauses, or until when nothing can pause it because somebody said that all is right. */
export type BrakeState =
  | { paused: true; at: Millis; blocked: number; clients: number; usual: number; model: string }
  | { paused: false; resumedUntil: Millis }

const KEY = 'brake'
const ARMED = 'brake:armed'
const ALONE = `corroborated = 0 AND reason IN ('high-score', 'repeated', 'too-many')`

/** The brake's state and what it is measured by. */
export function createBrakeRows(database: Database) {
  const select = database.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck()
  const upsert = database.prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
  const since = database
    .prepare<[Millis], number>(`SELECT count(*) FROM blocks WHERE blocked_at > ? AND ${ALONE} AND enforcement <> 'observed'`)
    .pluck()
  const busiest = database
    .prepare<[Millis, Millis], number | null>(
      `SELECT max(blocks) FROM (SELECT count(*) AS blocks FROM blocks WHERE blocked_at > ? AND blocked_at <= ? AND ${ALONE}
       GROUP BY blocked_at / ${HOUR})`,
    )
    .pluck()
  const clients = database
    .prepare<[number, number], number>('SELECT count(*) FROM (SELECT DISTINCT ip FROM activity WHERE hour >= ? LIMIT ?)')
    .pluck()
  return {
    state(): BrakeState {
      const value = select.get(KEY)
      return value === undefined ? { paused: false, resumedUntil: 0 } : (JSON.parse(value) as BrakeState)
    },
    /** From when on the brake is armed: a day after the first model scored here, for before that nobody can say what is usual; at once when another does. */
    armedAt(model: string, now: Millis): Millis {
      const value = select.get(ARMED)
      const known = value === undefined ? undefined : (JSON.parse(value) as { model: string; at: Millis })
      if (known?.model === model) return known.at
      const at = known === undefined ? now + DAY : Math.min(now, known.at)
      upsert.run(ARMED, JSON.stringify({ model, at }))
      return at
    },
    set: (state: BrakeState): void => void upsert.run(KEY, JSON.stringify(state)),
    /** How many blocks after an instant rest on one witness alone. */
    countAlone: (at: Millis): number => since.get(at)!,
    /** The most of them within one hour between two instants; observed ones too. */
    busiestHour: (from: Millis, to: Millis): number => busiest.get(from, to) ?? 0,
    /** How many addresses were seen since the hour of an instant; it counts no further than to `most`. */
    countClients: (at: Millis, most: number): number => clients.get(Math.floor(at / HOUR), most)!,
  }
}
