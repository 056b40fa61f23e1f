import type { Database } from 'better-sqlite3'
import type { Millis } from '../../core/types.ts'
import { IS_CLEAN } from './observed.ts'

/** What a replay found about an address that it would have blocked, its first block in front. */
export type WouldBlock = {
  ip: string
  reason: string
  score: number
  threat_count: number
  rules: string
  blocked_at: Millis
  expires_at: Millis | null
  blocks: number
  last_blocked_at: Millis
  requests: number
  clean_requests: number
  dropped: number
  clean_dropped: number
}

/** Counts what each address did, for a replay. A request is clean when the model finds it no threat, the WAF let it pass and the
 *  Core Rule Set's anomaly score stayed below its threshold. */
export function createTally(database: Database) {
  database.exec(
    `CREATE TABLE tally (ip TEXT PRIMARY KEY, requests INTEGER NOT NULL, clean INTEGER NOT NULL, dropped INTEGER NOT NULL,
       clean_dropped INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  )
  const newest = database.prepare<[], number>('SELECT coalesce(max(id), 0) FROM events').pluck()
  const count = database.prepare(
    `INSERT INTO tally SELECT ip, count(*), sum(is_clean), sum(is_dropped), sum(is_clean AND is_dropped) FROM (
       SELECT ip, ${IS_CLEAN} AS is_clean,
         EXISTS (SELECT 1 FROM blocks WHERE blocks.ip = events.ip AND event_id < events.id AND (expires_at IS NULL OR expires_at > events.at)) AS is_dropped
       FROM events WHERE id > @counted) WHERE true GROUP BY ip
     ON CONFLICT (ip) DO UPDATE SET requests = requests + excluded.requests, clean = clean + excluded.clean, dropped = dropped + excluded.dropped,
       clean_dropped = clean_dropped + excluded.clean_dropped`,
  )
  const blocked = database.prepare<[], WouldBlock>(
    `SELECT first.ip, reason, score, threat_count, rules, first.blocked_at, expires_at, blocks, last_blocked_at, requests, clean AS clean_requests,
       dropped, clean_dropped
     FROM (SELECT ip, min(id) AS id, count(*) AS blocks, max(blocked_at) AS last_blocked_at FROM blocks GROUP BY ip) AS each
       JOIN blocks AS first ON first.id = each.id JOIN tally ON tally.ip = each.ip
     ORDER BY first.blocked_at, first.ip`,
  )
  const clients = database.prepare<[], number>('SELECT count(*) FROM tally').pluck()
  const reasons = database.prepare<[], { reason: string; blocks: number }>(
    'SELECT reason, count(*) AS blocks FROM blocks GROUP BY reason ORDER BY blocks DESC, reason',
  )
  const times = database.prepare<[number], { first: Millis | null; last: Millis | null }>(
    'SELECT min(at) AS first, max(at) AS last FROM events WHERE id > ?',
  )
  let counted = 0
  let span: { first: Millis; last: Millis } | undefined
  return {
    /** Counts the events that came since the last call. */
    count(threatScore: number): void {
      const { first, last } = times.get(counted)!
      if (first === null || last === null) return
      span = { first: Math.min(first, span?.first ?? first), last: Math.max(last, span?.last ?? last) }
      count.run({ threatScore, counted })
      counted = newest.get()!
    },
    /** The times of the first and the last event; undefined before there is any. */
    span: () => span,
    blocked: (): WouldBlock[] => blocked.all(),
    reasons: (): Record<string, number> => Object.fromEntries(reasons.all().map(({ reason, blocks }) => [reason, blocks])),
    countClients: (): number => clients.get()!,
  }
}
