import type { Database } from 'better-sqlite3'
import type { Millis } from '../../core/types.ts'
import { hourOf } from './scores.ts'

const CHUNK = 5000

/** Rows from before an instant go: blocks that ended before `blocksBefore`, activity before `windowStart`, everything else before `before`. */
export type Limits = { before: Millis; blocksBefore: Millis; windowStart: Millis; maxEvents: number }

/** Keeps the tables bounded by age and number, a chunk at a time so that no call holds the lock for long. */
export function createRetention(database: Database) {
  const old = [
    // Rows come in the order in which they were seen: the oldest stand first.
    'DELETE FROM events WHERE seen_at < ? AND id IN (SELECT id FROM events ORDER BY id LIMIT ?)',
    'DELETE FROM threats WHERE id IN (SELECT id FROM threats WHERE at < ? LIMIT ?)',
    'DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters WHERE seen_at < ? LIMIT ?)',
  ].map(sql => database.prepare<[Millis, number]>(sql))
  const oldBlocks = database.prepare<[Millis, number]>(
    'DELETE FROM blocks WHERE id IN (SELECT id FROM blocks WHERE released_at IS NOT NULL AND applied = 0 AND released_at < ? LIMIT ?)',
  )
  const oldHours = ['DELETE FROM scores WHERE hour < ?', 'DELETE FROM activity WHERE hour < ?'].map(sql => database.prepare<[number]>(sql))
  const tables = (['events', 'threats'] as const).map(table => ({
    count: database.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck(),
    perAddress: database.prepare<[], { ip: string; rows: number }>(`SELECT ip, count(*) AS rows FROM ${table} GROUP BY ip`),
    trim: database.prepare<[string, string, number, number]>(
      `DELETE FROM ${table} WHERE ip = ? AND id IN (SELECT id FROM ${table} WHERE ip = ? ORDER BY at LIMIT min(?, ?))`,
    ),
  }))
  const countActivity = database.prepare<[], number>('SELECT count(*) FROM activity').pluck()
  const oldModelHours = ['model_hours', 'model_scores'].map(table => database.prepare<[number]>(`DELETE FROM ${table} WHERE hour < ?`))
  const oldestActivity = database.prepare('DELETE FROM activity WHERE hour = (SELECT min(hour) FROM activity)')

  return {
    /** Deletes what is too old or too much; true when there is more to do. Ages first, then the addresses with the most rows lose their oldest. */
    trim({ before, blocksBefore, windowStart, maxEvents }: Limits): boolean {
      let more = oldBlocks.run(blocksBefore, CHUNK).changes === CHUNK
      for (const statement of old) more = statement.run(before, CHUNK).changes === CHUNK || more
      const [scores, activity] = oldHours
      scores!.run(hourOf(before))
      activity!.run(hourOf(windowStart))
      for (const statement of oldModelHours) statement.run(hourOf(before))
      if (countActivity.get()! > maxEvents) oldestActivity.run()
      for (const table of tables) {
        if (table.count.get()! <= maxEvents) continue
        const rows = table.perAddress.all()
        // Room for a twentieth more, so that this is not done at every turn.
        const level = waterLevel(
          rows.map(row => row.rows),
          Math.floor(maxEvents * 0.95),
        )
        for (const { ip, rows: has } of rows) if (has > level) table.trim.run(ip, ip, has - level, 100_000)
      }
      return more
    },
  }
}

/** The highest number of rows that every address may keep so that all together keep at most `most`. */
export function waterLevel(counts: readonly number[], most: number): number {
  const sorted = [...counts].sort((a, b) => a - b)
  let left = most
  for (const [index, count] of sorted.entries()) {
    const share = Math.floor(left / (sorted.length - index))
    if (count > share) return share
    left -= count
  }
  return sorted.at(-1) ?? 0
}
