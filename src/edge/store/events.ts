import type { Database } from 'better-sqlite3'
import type { Millis } from '../../core/types.ts'

/** One event as it is kept: the outline of its request, its scores, and where its entry stands in the log. */
export type EventRow = {
  at: Millis
  seenAt: Millis
  ip: string
  address: string
  port: number | undefined
  method: string | undefined
  host: string | undefined
  path: string | undefined
  argumentNames: string | undefined
  status: number | undefined
  rules: readonly string[]
  inboundScore: number | undefined
  loggedScore: number | undefined
  ownScore: number | undefined
  score: number
  intercepted: boolean
  threat: boolean
  trust: 'full' | 'low'
  transactionId: string
  log: string
  inode: bigint
  offset: number
  length: number
}

/** As `events --json` prints it. */
export type ShownEvent = {
  id: number
  at: Millis
  ip: string
  address: string
  method: string | null
  host: string | null
  path: string | null
  argument_names: string | null
  status: number | null
  rules: string
  inbound_score: number | null
  logged_score: number | null
  own_score: number | null
  score: number
  intercepted: number
  threat: number
  trust: string
  transaction_id: string
  log: string
  inode: string
  offset: number
  length: number
  false_positive: number
}

const SHOWN =
  'id, at, ip, address, method, host, path, argument_names, status, rules, inbound_score, logged_score, own_score, score, intercepted, threat, trust, transaction_id, log, inode, offset, length, id IN (SELECT event_id FROM false_positives) AS false_positive'

/** What an event tells of the life of its log: when it came, and what its entry held. */
export type HeardEvent = { at: Millis; request: boolean; match: boolean; score: boolean }
type HeardRow = { id: number; log: string; at: Millis; seenAt: Millis; trust: string; request: number; match: number; score: number }

/** So many of the newest events are looked at where no index helps. */
const MOST_LOOKED_AT = 100_000

export type EventFilter = { ip: string | undefined; since: Millis; minScore: number; limit: number }

/** Events that are read at once to be shown: some ten megabytes. */
const PAGE = 10_000

/** What was seen, and how busy each address was. */
export function createEvents(database: Database) {
  const insert = database.prepare(
    `INSERT INTO events (at, seen_at, ip, address, port, method, host, path, argument_names, status, rules, inbound_score, logged_score, own_score,
       score, intercepted, threat, trust, transaction_id, log, inode, offset, length)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const addActivity = database.prepare(
    'INSERT INTO activity (hour, ip, events) VALUES (?, ?, ?) ON CONFLICT (hour, ip) DO UPDATE SET events = events + excluded.events',
  )
  const activityOf = database.prepare<[number, string], number>('SELECT events FROM activity WHERE hour = ? AND ip = ?').pluck()
  const firstActive = database.prepare<[], number | null>('SELECT min(hour) FROM activity').pluck()
  const some = database
    .prepare<[string, Millis, number], number>('SELECT count(*) FROM (SELECT 1 FROM events WHERE ip = ? AND at >= ? LIMIT ?)')
    .pluck()
  const lastSeen = database
    .prepare<[number, string], number | null>(
      'SELECT max(seen_at) FROM (SELECT seen_at, log FROM events ORDER BY id DESC LIMIT ?) WHERE log = ?',
    )
    .pluck()
  const byId = database.prepare<[number], ShownEvent>(`SELECT ${SHOWN} FROM events WHERE id = ?`)
  const recent = database.prepare<[number, Millis, number, number], ShownEvent>(
    `SELECT ${SHOWN} FROM events WHERE id < ? AND at >= ? AND score >= ? ORDER BY id DESC LIMIT ?`,
  )
  const recentOf = database.prepare<[string, string, Millis, number, Millis, number, number], ShownEvent>(
    `SELECT ${SHOWN} FROM events WHERE (ip = ? OR address = ?) AND (at, id) < (?, ?) AND at >= ? AND score >= ? ORDER BY at DESC, id DESC LIMIT ?`,
  )
  const newestSeenAt = database.prepare<[], Millis>('SELECT seen_at FROM events ORDER BY id DESC LIMIT 1').pluck()
  const heard = database.prepare<[number, number], HeardRow>(
    `SELECT id, log, at, seen_at AS seenAt, trust, method IS NOT NULL AS request, rules <> '[]' AS match,
       coalesce(inbound_score, logged_score) IS NOT NULL AS score FROM events WHERE id > ? ORDER BY id LIMIT ?`,
  )
  return {
    /** Adds an event and gives its id. */
    add(event: EventRow): number {
      const { lastInsertRowid } = insert.run(
        event.at,
        event.seenAt,
        event.ip,
        event.address,
        event.port,
        event.method,
        event.host,
        event.path,
        event.argumentNames,
        event.status,
        event.rules.length === 0 ? '[]' : JSON.stringify(event.rules),
        event.inboundScore,
        event.loggedScore,
        event.ownScore,
        event.score,
        Number(event.intercepted),
        Number(event.threat),
        event.trust,
        event.transactionId,
        event.log,
        String(event.inode),
        event.offset,
        event.length,
      )
      return Number(lastInsertRowid)
    },
    /** When the last event came out; undefined before the first. */
    newestSeenAt: (): Millis | undefined => newestSeenAt.get(),

    /** The next events behind an id, in the order in which they were seen, as far as they tell of the life of a log. */
    heard: (after: number, limit: number): (HeardEvent & { id: number; log: string; seenAt: Millis; isTrusted: boolean })[] =>
      heard.all(after, limit).map(({ id, log, at, seenAt, trust, request, match, score }) => ({
        ...{ id, log, at, seenAt, isTrusted: trust === 'full' },
        ...{ request: request === 1, match: match === 1, score: score === 1 },
      })),

    addActivity: (ip: string, hour: number, events: number): void => void addActivity.run(hour, ip, events),

    /** How many events an address made in the hours from `first` to `last` (hours since 1970). A window without end has no first hour: it begins where
     *  something was seen. */
    countHours(ip: string, first: number, last: number): number {
      let events = 0
      for (let hour = Math.max(first, firstActive.get() ?? last + 1); hour <= last; hour++) events += activityOf.get(hour, ip) ?? 0
      return events
    },

    /** Says whether an address has more than `limit` events since an instant; in the first place where it has fewer, this costs one look. */
    hasMore: (ip: string, since: Millis, limit: number): boolean => some.get(ip, since, limit + 1)! > limit,

    byId: (id: number): ShownEvent | undefined => byId.get(id),

    /** When the last event of a log came out; undefined when none of the newest 100,000 is of that log. */
    lastSeenAt: (log: string): Millis | undefined => lastSeen.get(MOST_LOOKED_AT, log) ?? undefined,

    /** The newest events that pass the filter, one after the other, newest first; `ip` may be an exact address or a counted prefix. They are read by the page:
     *  one statement for all would keep the daemon from emptying its write-ahead log for as long as somebody looks at them. */
    *recent({ ip, since, minScore, limit }: EventFilter): Generator<ShownEvent> {
      let [at, id] = [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]
      for (let left = limit; left > 0; left -= PAGE) {
        const most = Math.min(left, PAGE)
        const page = ip === undefined ? recent.all(id, since, minScore, most) : recentOf.all(ip, ip, at, id, since, minScore, most)
        yield* page
        if (page.length < most) return
        ;({ at, id } = page.at(-1)!)
      }
    },
  }
}
