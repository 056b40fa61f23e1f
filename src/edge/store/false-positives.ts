import type { Database } from 'better-sqlite3'
import type { MarkedHour, Risk } from '../../core/health/tally.ts'
import type { HttpRequest, Millis } from '../../core/types.ts'

/** The newest so many marks are kept … */
const MOST_MARKS = 10_000
/** … and of their requests the newest that fit in here. */
const MOST_BYTES = 32 * 1024 * 1024
/** A longer request is not kept. */
export const MOST_REQUEST_BYTES = 256 * 1024
export const TOO_LONG = `its request is longer than ${MOST_REQUEST_BYTES} bytes`

/** An event that a person marked as no attack. `request` is masked; undefined where it could not be had, and `problem` says why. */
export type Mark = { eventId: number; markedAt: Millis; request: HttpRequest | undefined; problem: string; risk: Risk }

export type ShownMark = {
  event_id: number
  marked_at: Millis
  at: Millis
  ip: string
  score: number
  risk: Risk
  threat: number
  bytes: number
  problem: string
}

/** Events that were marked as no attack: they do not count as threats, and their requests go into the next training as clean. */
export function createFalsePositives(database: Database) {
  const insert = database.prepare(
    `INSERT INTO false_positives (event_id, marked_at, at, ip, score, risk, counted, threat, request, bytes, problem)
     SELECT e.id, ?, e.at, e.ip, e.score, ?, coalesce((SELECT counted FROM threats WHERE event_id = e.id), 0), e.threat, ?, ?, ?
     FROM events e WHERE e.id = ?`,
  )
  const setThreat = database.prepare('UPDATE events SET threat = ? WHERE id = ?')
  const setCounted = database.prepare('UPDATE threats SET counted = ? WHERE event_id = ?')
  const remove = database.prepare<[number], { counted: number; threat: number }>(
    'DELETE FROM false_positives WHERE event_id = ? RETURNING counted, threat',
  )
  const of = database.prepare<[number], ShownMark>(
    'SELECT event_id, marked_at, at, ip, score, risk, threat, bytes, problem FROM false_positives WHERE event_id = ?',
  )
  const countSince = database.prepare<[Millis], number>('SELECT count(*) FROM false_positives WHERE marked_at >= ?').pluck()
  const kept = database.prepare<[], { marks: number; requests: number }>(
    'SELECT count(*) AS marks, count(request) AS requests FROM false_positives',
  )
  const byHour = database.prepare<[Millis], MarkedHour>(
    'SELECT at / 3600000 AS hour, risk, count(*) AS marks FROM false_positives WHERE at >= ? AND threat = 1 GROUP BY hour, risk',
  )
  const requests = database.prepare<[], string>('SELECT request FROM false_positives WHERE request IS NOT NULL ORDER BY marked_at').pluck()
  const trimMarks = database.prepare(
    `DELETE FROM false_positives WHERE event_id IN
       (SELECT event_id FROM false_positives ORDER BY marked_at DESC, event_id DESC LIMIT -1 OFFSET ${MOST_MARKS})`,
  )
  const trimRequests = database.prepare<[number]>(
    `UPDATE false_positives SET request = NULL, bytes = 0, problem = 'its request made room for newer ones' WHERE event_id IN
       (SELECT event_id FROM (SELECT event_id, sum(bytes) OVER (ORDER BY marked_at DESC, event_id DESC) AS held FROM false_positives WHERE request IS NOT NULL)
        WHERE held > ?)`,
  )
  return {
    /** Marks an event, which must be there and not marked yet: it is no threat any more. The oldest marks beyond the bounds make room. */
    add({ eventId, markedAt, request, problem, risk }: Mark, mostBytes = MOST_BYTES): void {
      const text = request === undefined ? null : JSON.stringify(request)
      const bytes = text === null ? 0 : Buffer.byteLength(text)
      const tooLong = bytes > MOST_REQUEST_BYTES
      const why = tooLong ? TOO_LONG : problem
      insert.run(markedAt, risk, tooLong ? null : text, tooLong ? 0 : bytes, why, eventId)
      setThreat.run(0, eventId)
      setCounted.run(0, eventId)
      trimMarks.run()
      trimRequests.run(mostBytes)
    },

    /** Takes a mark back: the event is again what it was, and counts unless its address was forgiven since. False when it was not marked. */
    remove(eventId: number): boolean {
      const mark = remove.get(eventId)
      if (mark === undefined) return false
      setThreat.run(mark.threat, eventId)
      setCounted.run(mark.counted, eventId)
      return true
    },

    of: (eventId: number): ShownMark | undefined => of.get(eventId),

    /** Counts what was marked since an instant. */
    countSince: (at: Millis): number => countSince.get(at)!,
    /** How many marks are kept, and how many of them with a request to learn from. */
    kept: (): { marks: number; requests: number } => kept.get()!,
    /** The threats since an instant that were marked. */
    byHour: (since: Millis): MarkedHour[] => byHour.all(since),

    /** The masked requests for the next training, one after the other, oldest mark first. */
    *requests(): Generator<HttpRequest> {
      for (const text of requests.iterate()) yield { body: undefined, ...(JSON.parse(text) as Omit<HttpRequest, 'body'>) }
    },
  }
}
