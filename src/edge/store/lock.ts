import Sqlite from 'better-sqlite3'

const PATIENCE = 10_000

/** Runs `work` while no other process that uses the same lock file does. The kernel gives the lock back whatever becomes of the process: SQLite holds it on
 *  an empty database, which stays empty. Throws when another process keeps it for 10 seconds. */
export function withLock<T>(path: string, work: () => T): T {
  let database: Sqlite.Database | undefined
  try {
    database = new Sqlite(path, { timeout: PATIENCE })
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database?.close()
    const isBusy = (error as { code?: string }).code === 'SQLITE_BUSY'
    throw new Error(isBusy ? `another process holds ${path}; try again` : `cannot lock ${path}: ${(error as Error).message}`, {
      cause: error,
    })
  }
  try {
    return work()
  } finally {
    database.exec('ROLLBACK')
    database.close()
  }
}
