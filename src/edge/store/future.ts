import type { Database } from 'better-sqlite3'
import type { Millis } from '../../core/types.ts'
import { hourOf } from './scores.ts'

/** What lies no further ahead came from clocks that differ a little, or were put right by a little. */
const TOLERANCE: Millis = 600_000
const DAY: Millis = 86_400_000
/** Nobody releases the brake for longer. */
const YEAR: Millis = 366 * DAY

/** How many rows said that they were written in the future. */
export type FutureRows = { blocks: number; allowed: number; threats: number; events: number }

/** Moves back what was written while the clock was wrong. */
export function createFuture(database: Database) {
  // The length stays. Of a block that ended there only the history is left.
  const blocks = database.prepare<{ now: Millis; late: Millis }>(
    `UPDATE blocks SET blocked_at = @now, expires_at = expires_at - (blocked_at - @now), released_at = min(released_at, @now) WHERE blocked_at > @late`,
  )
  const released = database.prepare<{ now: Millis; late: Millis }>('UPDATE blocks SET released_at = @now WHERE released_at > @late')
  const allow = database.prepare<{ now: Millis; late: Millis }>(
    'UPDATE allow SET added_at = @now, expires_at = expires_at - (added_at - @now) WHERE added_at > @late',
  )
  const lastThreat = database.prepare<[], Millis | null>('SELECT max(at) FROM threats').pluck()
  // All by the same span: what came within a window stays within one, and nothing else comes into it.
  const threats = database.prepare<{ by: Millis; late: Millis }>('UPDATE threats SET at = max(0, at - @by) WHERE at > @late')
  const lastHour = database.prepare<[], number | null>('SELECT max(hour) FROM scores').pluck()
  const events = database.prepare<{ now: Millis; late: Millis }>(
    'UPDATE events SET at = min(at, @now), seen_at = min(seen_at, @now) WHERE seen_at > @late',
  )
  const hours = ['scores', 'activity', 'model_hours', 'model_scores'].map(table =>
    database.prepare<[number]>(`DELETE FROM ${table} WHERE hour > ?`),
  )
  const models = database.prepare<{ now: Millis; late: Millis }>('UPDATE model_hours SET last_seen_at = @now WHERE last_seen_at > @late')
  const marks = database.prepare<{ now: Millis; late: Millis }>('UPDATE false_positives SET marked_at = @now WHERE marked_at > @late')
  const armed = database.prepare<{ most: Millis }>(
    `UPDATE meta SET value = json_set(value, '$.at', @most) WHERE key = 'brake:armed' AND value ->> '$.at' > @most`,
  )
  const resumed = database.prepare<{ most: Millis; late: Millis }>(
    `UPDATE meta SET value = json_set(value, '$.resumedUntil', @most) WHERE key = 'brake' AND value ->> '$.resumedUntil' > @late`,
  )
  return {
    /** Makes blocks and allowed networks that began in the future begin now and end as much earlier, and lets no threat count and no row stay until a
     *  time that lies years ahead. Looks through all blocks: not for every second. */
    mend(now: Millis): FutureRows {
      const late = now + TOLERANCE
      const moved = blocks.run({ now, late }).changes
      released.run({ now, late })
      const last = lastThreat.get() ?? 0
      const done = {
        blocks: moved,
        allowed: allow.run({ now, late }).changes,
        threats: last > late ? threats.run({ by: last - now, late }).changes : 0,
        // Each event stands in its hour too, and the hours are few.
        events: (lastHour.get() ?? 0) > hourOf(late) ? events.run({ now, late }).changes : 0,
      }
      for (const statement of hours) statement.run(hourOf(late))
      // Where entries from before the clock was wrong were read while it was: their hours stay.
      models.run({ now, late })
      marks.run({ now, late })
      armed.run({ most: now + DAY })
      resumed.run({ most: now + DAY, late: now + YEAR })
      return done
    },
  }
}
