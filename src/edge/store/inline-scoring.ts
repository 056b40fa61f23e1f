import type { Database } from 'better-sqlite3'
import { type InlineScoring, laterOf } from '../../core/inline-scoring.ts'

const PREFIX = 'inline:'

/** What each log told of inline scoring. */
export function createInlineScoring(database: Database) {
  const select = database.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck()
  const upsert = database.prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
  const of = (log: string): InlineScoring | undefined => {
    const value = select.get(PREFIX + log)
    if (value === undefined) return undefined
    const { modes, scoredAt } = JSON.parse(value) as { modes: InlineScoring['modes']; scoredAt?: number }
    return { modes, scoredAt }
  }
  return {
    /** Undefined when the log has told nothing yet. */
    of,
    /** Adds what a batch of the log told. */
    note: (log: string, seen: InlineScoring): void => void upsert.run(PREFIX + log, JSON.stringify(laterOf(of(log), seen))),
  }
}
