import type { Database } from 'better-sqlite3'
import type { FileState } from '../../core/types.ts'

type Row = { device: string; inode: string; offset: number; tail: string; head: string; done: number }

/** Where reading of each log stands. */
export function createPositions(database: Database) {
  const select = database.prepare<[string], Row>(
    'SELECT device, inode, offset, tail, head, done FROM positions WHERE log = ? ORDER BY place',
  )
  const remove = database.prepare('DELETE FROM positions WHERE log = ? AND place >= ?')
  // Most places stay as they are from batch to batch: those are compared, not written.
  const upsert = database.prepare(
    `INSERT INTO positions (log, place, device, inode, offset, tail, head, done) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (log, place) DO UPDATE SET device = excluded.device, inode = excluded.inode, offset = excluded.offset, tail = excluded.tail,
       head = excluded.head, done = excluded.done
     WHERE (device, inode, offset, tail, head, done) <> (excluded.device, excluded.inode, excluded.offset, excluded.tail, excluded.head, excluded.done)`,
  )
  return {
    of: (log: string): FileState[] => select.all(log).map(toFileState),

    /** Replaces the reading state of a log; call it in the transaction that holds what was read. */
    save(log: string, files: readonly FileState[]): void {
      for (const [place, file] of files.entries()) {
        upsert.run(log, place, String(file.device), String(file.inode), file.offset, file.tail, file.head, Number(file.done))
      }
      remove.run(log, files.length)
    },
  }
}

function toFileState(row: Row): FileState {
  return { device: BigInt(row.device), inode: BigInt(row.inode), offset: row.offset, tail: row.tail, head: row.head, done: row.done === 1 }
}
