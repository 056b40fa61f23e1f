import type { Database } from 'better-sqlite3'

export type Totals = { parsed: number; skipped: number; lostBytes: number; threats: number; blocks: number; evicted: number }
const NAMES = {
  parsed: 'total:parsed',
  skipped: 'total:skipped',
  lostBytes: 'total:lost_bytes',
  threats: 'total:threats',
  blocks: 'total:blocks',
  evicted: 'total:evicted',
} as const

/** What was counted since the database was made. */
export function createTotals(database: Database) {
  const upsert = database.prepare(
    'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + CAST(excluded.value AS INTEGER) AS TEXT)',
  )
  const select = database.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck()
  return {
    add(counts: Partial<Totals>): void {
      for (const [name, count] of Object.entries(counts)) if (count > 0) upsert.run(NAMES[name as keyof Totals], String(count))
    },
    all: (): Totals => {
      const read = (name: keyof Totals) => Number(select.get(NAMES[name]) ?? 0)
      return {
        parsed: read('parsed'),
        skipped: read('skipped'),
        lostBytes: read('lostBytes'),
        threats: read('threats'),
        blocks: read('blocks'),
        evicted: read('evicted'),
      }
    },
  }
}
