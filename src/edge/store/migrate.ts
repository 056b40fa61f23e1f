import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from 'better-sqlite3'

/** Marks a database as ours: 'MODW'. */
const APPLICATION_ID = 0x4d_4f_44_57

/** Throws when a database is none of modwarden's or was written by a newer version; changes nothing. */
export function refuseForeign(database: Database, folder: string): void {
  const version = database.pragma('user_version', { simple: true }) as number
  const owner = database.pragma('application_id', { simple: true }) as number
  const isEmpty = database.prepare('SELECT 1 FROM sqlite_master').get() === undefined
  const newest = migrationsIn(folder).length
  if (owner !== APPLICATION_ID && !isEmpty)
    throw new Error(`${database.name} is no modwarden database; name another file in the setting 'database'`)
  if (version > newest)
    throw new Error(`${database.name} was written by a newer modwarden (schema ${version}, this one knows ${newest}); upgrade modwarden`)
}

/** Brings a database to the newest schema, each migration file in one transaction.
 *  Throws what refuseForeign does, and when an applied file was edited since. */
export function migrate(database: Database, folder: string): void {
  const files = migrationsIn(folder)
  files.forEach((name, index) => {
    if (Number(name.slice(0, 4)) !== index + 1)
      throw new Error(`${join(folder, name)}: migrations must be numbered without gaps, expected ${index + 1}`)
  })
  refuseForeign(database, folder)
  const version = database.pragma('user_version', { simple: true }) as number
  for (const [index, name] of files.entries()) {
    const sql = readFileSync(join(folder, name), 'utf8')
    const digest = createHash('sha256').update(sql).digest('hex')
    if (index < version) refuseEdited(database, name, digest)
    else database.transaction(() => apply(database, { name, sql, digest, version: index + 1 })).immediate()
  }
}

/** Throws when a database that is only read lacks migrations: the daemon brings it up to date when it starts. */
export function refuseOld(database: Database, folder: string): void {
  const version = database.pragma('user_version', { simple: true }) as number
  const newest = migrationsIn(folder).length
  if (version < newest)
    throw new Error(
      `${database.name} was written by an older modwarden (schema ${version}, this one needs ${newest}); systemctl restart modwarden brings it up to date`,
    )
}

function migrationsIn(folder: string): string[] {
  return readdirSync(folder)
    .filter(name => /^\d{4}-.+\.sql$/.test(name))
    .sort()
}

function refuseEdited(database: Database, name: string, digest: string): void {
  const applied = database.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(`migration:${name}`)
  if (applied !== digest) throw new Error(`migration ${name} was edited after it had been applied; restore the file`)
}

function apply(database: Database, { name, sql, digest, version }: { name: string; sql: string; digest: string; version: number }): void {
  // Two processes may find the same work: the second one finds it done.
  if ((database.pragma('user_version', { simple: true }) as number) >= version) return
  database.exec(sql)
  database.prepare('INSERT INTO meta (key, value) VALUES (?, ?)').run(`migration:${name}`, digest)
  database.pragma(`user_version = ${version}`)
  database.pragma(`application_id = ${APPLICATION_ID}`)
}
