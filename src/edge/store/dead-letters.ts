import type { Database } from 'better-sqlite3'
import type { Millis } from '../../core/types.ts'

const MOST = 10_000

export type DeadLetter = { seenAt: Millis; log: string; inode: bigint; offset: number; length: number; problem: string }

/** Entries that could not be read: where they stand and why; the newest 10,000 are kept. */
export function createDeadLetters(database: Database) {
  const insert = database.prepare('INSERT INTO dead_letters (seen_at, log, inode, offset, length, problem) VALUES (?, ?, ?, ?, ?, ?)')
  const trim = database.prepare('DELETE FROM dead_letters WHERE id <= ?')
  const count = database.prepare<[string, Millis], number>('SELECT count(*) FROM dead_letters WHERE log = ? AND seen_at > ?').pluck()
  return {
    /** How many pieces of a log could not be read since an instant, of those that are kept. */
    countSince: (log: string, since: Millis): number => count.get(log, since)!,

    add({ seenAt, log, inode, offset, length, problem }: DeadLetter): void {
      const { lastInsertRowid } = insert.run(seenAt, log, String(inode), offset, length, problem)
      if (Number(lastInsertRowid) % 1000 === 0) trim.run(Number(lastInsertRowid) - MOST)
    },
  }
}
