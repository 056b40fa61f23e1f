import type { Database } from 'better-sqlite3'
import type { Silence } from '../../core/silence/silence.ts'

export type ToldSilence = Pick<Silence, 'why' | 'since'>

const PREFIX = 'silent:'

/** Which logs were told to be silent and have not been heard since. */
export function createSilences(database: Database) {
  const select = database.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck()
  const upsert = database.prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
  const remove = database.prepare('DELETE FROM meta WHERE key = ?')
  return {
    of(log: string): ToldSilence | undefined {
      const value = select.get(PREFIX + log)
      return value === undefined ? undefined : (JSON.parse(value) as ToldSilence)
    },
    begin: (log: string, told: ToldSilence): void => void upsert.run(PREFIX + log, JSON.stringify(told)),
    end: (log: string): void => void remove.run(PREFIX + log),
  }
}
