import type { Database } from 'better-sqlite3'
import type { Millis } from '../../core/types.ts'

export type AllowRow = { network: string; reason: string; added_at: Millis; expires_at: Millis | null }

/** What was allowed while the program runs; the setting `allowlist` is beside it. */
export function createAllow(database: Database) {
  const upsert = database.prepare(
    `INSERT INTO allow (network, reason, added_at, expires_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (network) DO UPDATE SET reason = excluded.reason, added_at = excluded.added_at, expires_at = excluded.expires_at`,
  )
  const remove = database.prepare('DELETE FROM allow WHERE network = ?')
  const standing = database.prepare<[Millis], AllowRow>(
    'SELECT network, reason, added_at, expires_at FROM allow WHERE expires_at IS NULL OR expires_at > ? ORDER BY network',
  )
  const expire = database.prepare('DELETE FROM allow WHERE expires_at <= ?')
  return {
    /** Allows an address or CIDR until `expiresAt` (Infinity: never ends); a second time in the place of the first. */
    add({ network, reason, addedAt, expiresAt }: { network: string; reason: string; addedAt: Millis; expiresAt: Millis }): void {
      upsert.run(network, reason, addedAt, Number.isFinite(expiresAt) ? expiresAt : null)
    },
    /** Ends it; false when it was not allowed. */
    remove: (network: string): boolean => remove.run(network).changes > 0,
    standing: (now: Millis): AllowRow[] => standing.all(now),
    /** Deletes what is over. */
    expire: (now: Millis): void => void expire.run(now),
  }
}
