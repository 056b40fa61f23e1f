import { chmodSync, closeSync, existsSync, mkdirSync, openSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import Sqlite, { type Database } from 'better-sqlite3'
import { standingPath } from '../standing-file.ts'
import { createAllow } from './allow.ts'
import { createBlocks } from './blocks.ts'
import { createBrakeRows } from './brake.ts'
import { createDeadLetters } from './dead-letters.ts'
import { createEvents } from './events.ts'
import { createFalsePositives } from './false-positives.ts'
import { createFuture } from './future.ts'
import { createInlineScoring } from './inline-scoring.ts'
import { migrate, refuseForeign, refuseOld } from './migrate.ts'
import { createModelCounts } from './model-counts.ts'
import { createObserved } from './observed.ts'
import { createPositions } from './positions.ts'
import { createRetention } from './retention.ts'
import { createScores } from './scores.ts'
import { createTally } from './scratch.ts'
import { createSilences } from './silences.ts'
import { createThreats } from './threats.ts'
import { createTotals } from './totals.ts'

const MODE = 0o640

/** Waiting for a lock blocks the event loop: short, and tried again by the caller. */
const BUSY_TIMEOUT = 500

const MIGRATIONS = fileURLToPath(new URL('../../../migrations', import.meta.url))

export type Store = ReturnType<typeof createStore>

/** Opens the database to write: makes it (0640) where it is not there yet and `create` says so, and migrates it.
 *  The daemon (`create`) keeps it in WAL while it runs; others leave its journal mode alone.
 *  Throws what SQLite throws: SQLITE_CORRUPT or SQLITE_NOTADB for a damaged file, SQLITE_BUSY while another process holds its lock. */
export function openStore(path: string, { create }: { create: boolean }): Store {
  if (path !== ':memory:' && !existsSync(path)) {
    if (!create) throw noDatabase(path)
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 })
    closeSync(openSync(path, 'a', MODE))
    // Whatever the umask: members of the group may read. SQLite gives its side files the same mode.
    chmodSync(path, MODE)
  } else refuseEmptied(path, { create })
  const database = new Sqlite(path, { timeout: BUSY_TIMEOUT })
  try {
    refuseForeign(database, MIGRATIONS)
    if (create) database.pragma('journal_mode = WAL')
    database.pragma('synchronous = NORMAL')
    // A reader that never ends keeps the WAL from being reset; beyond this much it is given back when the reader has gone.
    database.pragma('journal_size_limit = 67108864')
    database.pragma('cache_size = -16384')
    // Fewer, larger checkpoints: a backlog is taken in faster.
    database.pragma('wal_autocheckpoint = 4000')
    migrate(database, MIGRATIONS)
    return createStore(database, { isOwner: create })
  } catch (error) {
    database.close()
    throw error
  }
}

/** Opens a database that nobody else sees and that is gone when it is closed, for a replay; what memory does not hold goes to a temporary file. */
export function openScratchStore() {
  const database = new Sqlite('')
  database.pragma('journal_mode = MEMORY')
  database.pragma('synchronous = OFF')
  database.pragma('cache_size = -32768')
  migrate(database, MIGRATIONS)
  return { store: createStore(database, { isOwner: false }), tally: createTally(database) }
}

/** Opens the database to read; works while the daemon runs, is stopped or was killed. Throws when there is none. */
export function openReader(path: string): Store {
  if (!existsSync(path)) throw noDatabase(path)
  refuseEmptied(path, { create: false })
  const database = new Sqlite(path, { readonly: true, timeout: BUSY_TIMEOUT })
  try {
    refuseForeign(database, MIGRATIONS)
    database.prepare('SELECT 1 FROM blocks').get()
    refuseOld(database, MIGRATIONS)
    return createStore(database, { isOwner: false })
  } catch (error) {
    database.close()
    throw error
  }
}

/** Throws as for a damaged file where one that held something has lost all of it, as a file system may do at a loss of power: a command that made a
 *  new database of it would make the daemon forget what stood. An empty file that never held anything is no database either, but for the daemon. */
function refuseEmptied(path: string, { create }: { create: boolean }): void {
  if (statSync(path, { throwIfNoEntry: false })?.size !== 0) return
  if (!existsSync(standingPath(path))) {
    if (create) return
    throw noDatabase(path)
  }
  throw new Sqlite.SqliteError(`${path} is empty; the daemon takes over what stood when it starts`, 'SQLITE_NOTADB')
}

/** Says whether an error means that the file itself is damaged. */
export function isCorruption(error: unknown): boolean {
  return hasCode(error, 'SQLITE_CORRUPT') || hasCode(error, 'SQLITE_NOTADB')
}

/** Says whether a write may succeed later: another process holds the lock, the disk is full or failing, the file may not be written for now. */
export function isPassing(error: unknown): boolean {
  return ['SQLITE_BUSY', 'SQLITE_LOCKED', 'SQLITE_FULL', 'SQLITE_IOERR', 'SQLITE_READONLY', 'SQLITE_CANTOPEN'].some(code =>
    hasCode(error, code),
  )
}

function hasCode(error: unknown, prefix: string): boolean {
  return error instanceof Sqlite.SqliteError && error.code.startsWith(prefix)
}

function noDatabase(path: string): Error {
  return new Error(`there is no database at ${path}; 'modwarden run' makes one`)
}

function createStore(database: Database, { isOwner }: { isOwner: boolean }) {
  // SQLite puts it beside the file that a link names.
  const wal = `${existsSync(database.name) ? realpathSync(database.name) : database.name}-wal`
  const dataVersion = database.prepare<[], number>('PRAGMA data_version').pluck()
  return {
    events: createEvents(database),
    threats: createThreats(database),
    blocks: createBlocks(database),
    allow: createAllow(database),
    brake: createBrakeRows(database),
    observed: createObserved(database),
    positions: createPositions(database),
    deadLetters: createDeadLetters(database),
    scores: createScores(database),
    modelCounts: createModelCounts(database),
    falsePositives: createFalsePositives(database),
    inlineScoring: createInlineScoring(database),
    silences: createSilences(database),
    totals: createTotals(database),
    retention: createRetention(database),
    future: createFuture(database),

    /** Runs `work` in one immediate transaction: all of it holds, or nothing. */
    transaction<T>(work: () => T): T {
      return database.transaction(work).immediate()
    },

    /** A number that changes whenever another connection has written. */
    dataVersion: () => dataVersion.get()!,

    /** Throws when the file is damaged; takes about 1 ms a MB. */
    check(): void {
      const answer = database.pragma('quick_check(1)', { simple: true })
      if (answer !== 'ok') throw new Sqlite.SqliteError(`quick_check: ${String(answer)}`, 'SQLITE_CORRUPT')
    },

    /** Moves the WAL into the database file and empties it, as far as readers allow. */
    checkpoint: () => void database.pragma('wal_checkpoint(TRUNCATE)'),

    /** Runs a query of the caller's own, for tests and for people's views. */
    query: (sql: string): Record<string, unknown>[] => database.prepare<[], Record<string, unknown>>(sql).all(),

    /** Gives the memory of the page cache back. */
    shrink: () => void database.pragma('shrink_memory'),

    /** Bytes of the write-ahead log. */
    walBytes(): number {
      return statSync(wal, { throwIfNoEntry: false })?.size ?? 0
    },

    /** Closes; the daemon leaves one plain file behind, which anybody may read who may read the file. */
    close(): void {
      try {
        if (isOwner) database.pragma('journal_mode = DELETE')
      } catch {
        // A reader holds on: the WAL stays, and the next start goes on from it.
      }
      database.close()
    },

    /** Closes without touching the file. */
    abandon: () => void database.close(),
  }
}
