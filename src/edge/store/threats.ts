import type { Database } from 'better-sqlite3'
import type { Millis } from '../../core/types.ts'

/** More threats of one address than this are not kept: its oldest go first, so a flood cannot push out anybody else's. */
export const MOST_OF_AN_ADDRESS = 2000

export type ThreatRow = {
  eventId: number
  ip: string
  at: Millis
  score: number
  intercepted: boolean
  model: string
  matches: string
  reasons: string
}

export type ShownThreat = {
  event_id: number
  at: Millis
  score: number
  intercepted: number
  model: string
  matches: string
  reasons: string
  counted: number
}

export type Offender = { ip: string; threats: number; highest_score: number; last_at: Millis; blocks: number }

/** The threats of each address: what the policy counts, with why each is one. */
export function createThreats(database: Database) {
  const insert = database.prepare(
    'INSERT INTO threats (event_id, ip, at, score, intercepted, model, matches, reasons) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const count = database.prepare<[string, Millis], { threats: number; denied: number }>(
    'SELECT count(*) AS threats, coalesce(sum(intercepted), 0) AS denied FROM threats WHERE ip = ? AND at > ? AND counted = 1',
  )
  const trim = database.prepare(
    `DELETE FROM threats WHERE ip = ? AND id IN (SELECT id FROM threats WHERE ip = ? ORDER BY at DESC LIMIT -1 OFFSET ${MOST_OF_AN_ADDRESS})`,
  )
  const forgive = database.prepare('UPDATE threats SET counted = 0 WHERE ip = ? AND counted = 1')
  const forgiveMarked = database.prepare('UPDATE false_positives SET counted = 0 WHERE ip = ? AND counted = 1')
  const of = database.prepare<[string, number], ShownThreat>(
    'SELECT event_id, at, score, intercepted, model, matches, reasons, counted FROM threats WHERE ip = ? ORDER BY at DESC, id DESC LIMIT ?',
  )
  const ofEvent = database.prepare<[number], ShownThreat>(
    'SELECT event_id, at, score, intercepted, model, matches, reasons, counted FROM threats WHERE event_id = ?',
  )
  const offenders = database.prepare<[Millis, number], Offender>(
    `SELECT t.ip, count(*) AS threats, max(t.score) AS highest_score, max(t.at) AS last_at, (SELECT count(*) FROM blocks b WHERE b.ip = t.ip AND b.enforcement <> 'observed') AS blocks
     FROM threats t WHERE t.at >= ? AND t.event_id NOT IN (SELECT event_id FROM false_positives)
     GROUP BY t.ip ORDER BY threats DESC, highest_score DESC, t.ip LIMIT ?`,
  )
  const since = database.prepare<[Millis], number>('SELECT count(*) FROM threats WHERE at > ?').pluck()
  return {
    add: (threat: ThreatRow): void =>
      void insert.run(
        threat.eventId,
        threat.ip,
        threat.at,
        threat.score,
        Number(threat.intercepted),
        threat.model,
        threat.matches,
        threat.reasons,
      ),

    /** Counts the threats of an address after `since`, and how many of them the WAF denied. Costs as many steps as it counts, at most 2,000. */
    countSince: (ip: string, since: Millis): { threats: number; denied: number } => count.get(ip, since)!,

    /** Drops the oldest threats of an address beyond the most that are kept. */
    trim: (ip: string): void => void trim.run(ip, ip),

    /** Starts the window of an address anew. */
    forgive(ip: string): void {
      forgive.run(ip)
      // A mark that is taken back later must not bring a forgiven threat back.
      forgiveMarked.run(ip)
    },

    of: (ip: string, limit: number): ShownThreat[] => of.all(ip, limit),
    ofEvent: (eventId: number): ShownThreat | undefined => ofEvent.get(eventId),
    /** The addresses with the most threats since an instant, marked ones left out. */
    offendersSince: (at: Millis, limit: number): Offender[] => offenders.all(at, limit),
    countAllSince: (at: Millis): number => since.get(at)!,
  }
}
