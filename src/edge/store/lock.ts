import Sqlite from 'better-sqlite3'

const PATIENCE = 10_000

/** Runs `work` while no other process that uses the same lock file does. Throws when another process keeps it for 10 seconds. */
export function withLock<T>(path: string, work: () => T): T {
  const release = takeLock(path)
  try {
    return work()
  } finally {
    release()
  }
}

/** Keeps all other processes that use the same lock file waiting until the function that it gives is called. The kernel gives the lock back whatever
 *  becomes of the process: SQLite holds it on an empty database, which stays empty. Throws when another process keeps it for `patience` ms, and says so
 *  by `held`. */
export function takeLock(path: string, patience = PATIENCE, held = `another process holds ${path}; try again`): () => void {
  let database: Sqlite.Database
  try {
    database = new Sqlite(path, { timeout: patience })
  } catch (error) {
    throw refused(path, held, error)
  }
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    throw refused(path, held, error)
  }
  return () => {
    database.exec('ROLLBACK')
    database.close()
  }
}

function refused(path: string, held: string, error: unknown): Error {
  const isBusy = (error as { code?: string }).code === 'SQLITE_BUSY'
  return new Error(isBusy ? held : `cannot lock ${path}: ${(error as Error).message}`, {
    cause: error,
  })
}
