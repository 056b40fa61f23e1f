import type { Database } from 'better-sqlite3'
import type { Millis } from '../../core/types.ts'

/** What makes a row of `events` a clean request: the model finds it no threat, the WAF let it pass, and no anomaly score reached the Core Rule Set's
 *  threshold. */
export const IS_CLEAN = 'score <= @threatScore AND intercepted = 0 AND inbound_score IS NULL'

export type ObservedDay = { day: string; addresses: number; blocks: number; requests: number; clean_requests: number }
export type ObservedAddress = {
  ip: string
  blocks: number
  /** With commas between. */
  reasons: string
  last_observed_at: Millis
  requests: number
  clean_requests: number
}
type Since = { since: Millis }
type Query = Since & { threatScore: number }

const OBSERVED = `blocks WHERE enforcement = 'observed' AND blocked_at >= @since`
const DAY = `date(blocked_at / 1000, 'unixepoch')`
const OF_THE_DAY = 'FROM events WHERE events.ip = each.ip AND at >= start AND at < start + 86400000'
const OF_THE_ADDRESS = 'FROM events WHERE events.ip = each.ip AND at >= @since'

/** What would have been blocked had it not only been observed; days are UTC. */
export function createObserved(database: Database) {
  const days = database.prepare<[Query], ObservedDay>(
    `SELECT day, count(*) AS addresses, sum(blocks) AS blocks, sum(requests) AS requests, sum(clean) AS clean_requests FROM (
       SELECT day, blocks, (SELECT count(*) ${OF_THE_DAY}) AS requests, (SELECT count(*) ${OF_THE_DAY} AND ${IS_CLEAN}) AS clean
       FROM (SELECT ip, ${DAY} AS day, unixepoch(${DAY}) * 1000 AS start, count(*) AS blocks FROM ${OBSERVED} GROUP BY ip, day) AS each)
     GROUP BY day ORDER BY day`,
  )
  const reasons = database.prepare<[Since], { day: string; reason: string; blocks: number }>(
    `SELECT ${DAY} AS day, reason, count(*) AS blocks FROM ${OBSERVED} GROUP BY day, reason ORDER BY day, blocks DESC, reason`,
  )
  const addresses = database.prepare<[Query & { limit: number }], ObservedAddress>(
    `SELECT ip, blocks, reasons, last_observed_at, (SELECT count(*) ${OF_THE_ADDRESS}) AS requests,
       (SELECT count(*) ${OF_THE_ADDRESS} AND ${IS_CLEAN}) AS clean_requests
     FROM (SELECT ip, count(*) AS blocks, group_concat(DISTINCT reason) AS reasons, max(blocked_at) AS last_observed_at FROM ${OBSERVED}
           GROUP BY ip) AS each
     ORDER BY clean_requests DESC, blocks DESC, ip LIMIT @limit`,
  )
  return {
    /** By day: addresses, blocks, and all and the clean requests of those addresses on that day. */
    days: (query: Query): ObservedDay[] => days.all(query),
    reasons: (since: Millis) => reasons.all({ since }),
    /** Those with the most clean requests first. */
    addresses: (query: Query & { limit: number }): ObservedAddress[] => addresses.all(query),
  }
}
