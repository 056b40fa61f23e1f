import type { Database } from 'better-sqlite3'
import type { BlockReason, Enforcement, Millis } from '../../core/types.ts'

export type NewBlock = {
  ip: string
  reason: BlockReason
  score: number
  threatCount: number
  blockedAt: Millis
  /** Infinity: never ends. */
  expiresAt: Millis
  eventId?: number
  rules?: readonly string[]
  note?: string
  /** Default: firewall. */
  enforcement?: Enforcement
  /** Default: 1. */
  step?: number
  /** The model and the WAF's own rules agree. Default: false. */
  isCorroborated?: boolean
  /** The list that an imported block comes from. */
  origin?: string
}

/** As `blocks --json` prints it; `applied` says whether the kernel has the rule. */
export type ShownBlock = {
  id: number
  ip: string
  reason: BlockReason
  score: number
  threat_count: number
  blocked_at: Millis
  expires_at: Millis | null
  event_id: number | null
  rules: string
  note: string
  enforcement: Enforcement
  step: number
  origin: string
  corroborated: number
  applied: number
  released_at: Millis | null
  released_by: string | null
}

/** A block that stands; a null `expires_at` never ends. */
export type StandingRow = { id: number; ip: string; expires_at: Millis | null }

/** What the firewall must change, with the rows behind it. */
export type RowPlan = {
  block: readonly StandingRow[]
  /** Dropped already, by a row that ended. */
  renew: readonly StandingRow[]
  unblock: readonly string[]
  added: readonly number[]
  removed: readonly number[]
}

/** A block that made room for another; a null `expires_at` would never have ended. */
export type Evicted = { ip: string; reason: BlockReason; blocked_at: Millis; expires_at: Millis | null }

type Row = { id: number; ip: string }

const SHOWN =
  'id, ip, reason, score, threat_count, blocked_at, expires_at, event_id, rules, note, enforcement, step, origin, corroborated, applied, released_at, released_by'
const STANDS = 'released_at IS NULL AND (expires_at IS NULL OR expires_at > ?)'

const IN_FIREWALL = `enforcement = 'firewall'`

/** The table that decides what the firewall drops. A block ends by `release`; its row then is history. */
export function createBlocks(database: Database) {
  const insert = database.prepare(
    'INSERT INTO blocks (ip, reason, score, threat_count, blocked_at, expires_at, event_id, rules, note, enforcement, step, corroborated, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const active = database.prepare<[string, Millis], ShownBlock>(`SELECT ${SHOWN} FROM blocks WHERE ip = ? AND ${STANDS}`)
  const allActive = database.prepare<[Millis], ShownBlock>(`SELECT ${SHOWN} FROM blocks WHERE ${STANDS} ORDER BY blocked_at, id`)
  const nextActive = database.prepare<[Millis, string, number], ShownBlock>(
    `SELECT ${SHOWN} FROM blocks WHERE ${STANDS} AND ip > ? ORDER BY ip LIMIT ?`,
  )
  const countActive = database
    .prepare<[Millis], number>(`SELECT count(*) FROM blocks WHERE ${STANDS} AND enforcement <> 'observed'`)
    .pluck()
  const all = database.prepare<[number], ShownBlock>(`SELECT ${SHOWN} FROM blocks ORDER BY blocked_at DESC, id DESC LIMIT ?`)
  const of = database.prepare<[string, number], ShownBlock>(
    `SELECT ${SHOWN} FROM blocks WHERE ip = ? ORDER BY blocked_at DESC, id DESC LIMIT ?`,
  )
  const expire = database.prepare<[Millis], { ip: string; reason: string; blocked_at: Millis }>(
    `UPDATE blocks SET released_at = expires_at, released_by = 'expired' WHERE released_at IS NULL AND expires_at <= ? RETURNING ip, reason, blocked_at`,
  )
  const end = database
    .prepare<[Millis, Millis, string, string], Enforcement>(
      'UPDATE blocks SET released_at = min(?, coalesce(expires_at, ?)), released_by = ? WHERE ip = ? AND released_at IS NULL RETURNING enforcement',
    )
    .pluck()
  const replace = database
    .prepare<[Millis, string], Enforcement>(
      `UPDATE blocks SET released_at = ?, released_by = 'replaced', forgiven = 1 WHERE ip = ? AND released_at IS NULL RETURNING enforcement`,
    )
    .pluck()
  const countStanding = database
    .prepare<[Enforcement], number>('SELECT count(*) FROM blocks WHERE released_at IS NULL AND enforcement = ?')
    .pluck()
  const countWithin = database
    .prepare<[string, string, Enforcement], number>(
      "SELECT count(*) FROM blocks WHERE released_at IS NULL AND ip >= ? AND ip < ? AND instr(ip, '/') = 0 AND enforcement = ?",
    )
    .pluck()
  // Those that never end have the most time left of all.
  const endSoonest = ['NOT NULL ORDER BY expires_at', 'NULL ORDER BY blocked_at'].map(order =>
    database.prepare<[Millis, Millis, Enforcement, number], Evicted>(
      `UPDATE blocks SET released_at = min(?, coalesce(expires_at, ?)), released_by = 'room' WHERE id IN
         (SELECT id FROM blocks WHERE released_at IS NULL AND enforcement = ? AND expires_at IS ${order}, id LIMIT ?)
       RETURNING ip, reason, blocked_at, expires_at`,
    ),
  )
  const stoodBetween = database
    .prepare<[string, Millis, Millis, Millis], number>(
      `SELECT 1 FROM blocks WHERE ip IN (SELECT value FROM json_each(?)) AND blocked_at <= ? AND coalesce(released_at, expires_at, ?) >= ?
         AND enforcement <> 'observed' LIMIT 1`,
    )
    .pluck()
  const among = database.prepare<[string, Millis], ShownBlock>(
    `SELECT ${SHOWN} FROM blocks WHERE ip IN (SELECT value FROM json_each(?)) AND ${STANDS} AND enforcement <> 'observed' ORDER BY blocked_at, id`,
  )
  const forgive = database.prepare('UPDATE blocks SET forgiven = 1 WHERE ip = ? AND forgiven = 0')
  const earlier = database
    .prepare<[string, Millis, number], number>(
      `SELECT count(*) FROM blocks WHERE ip = ? AND coalesce(released_at, expires_at, blocked_at) > ? AND forgiven = 0
         AND coalesce(released_by, '') <> 'false-positive' AND reason NOT IN ('manual', 'imported') AND (enforcement <> 'observed' OR ? = 1)`,
    )
    .pluck()
  const switchable = {
    observe: `released_at IS NULL AND enforcement IN ('firewall', 'proxied')`,
    // What the policy only observed is not enforced afterwards: its address must make a threat again.
    enforce: `released_at IS NULL AND enforcement = 'observed' AND reason IN ('manual', 'imported')`,
  }
  const switches = {
    observe: database.prepare(`UPDATE blocks SET enforcement = 'observed' WHERE ${switchable.observe}`),
    enforce: database.prepare(`UPDATE blocks SET enforcement = 'firewall' WHERE ${switchable.enforce}`),
  }
  const toSwitch = {
    observe: database.prepare(`SELECT 1 FROM blocks WHERE ${switchable.observe} LIMIT 1`),
    enforce: database.prepare(`SELECT 1 FROM blocks WHERE ${switchable.enforce} LIMIT 1`),
  }
  const nextExpiry = database
    .prepare<[], Millis | null>('SELECT min(expires_at) FROM blocks WHERE released_at IS NULL AND expires_at IS NOT NULL')
    .pluck()
  const toApply = database.prepare<[], StandingRow>(
    `SELECT id, ip, expires_at FROM blocks WHERE released_at IS NULL AND applied = 0 AND ${IN_FIREWALL}`,
  )
  const toRemove = database.prepare<[], Row>('SELECT id, ip FROM blocks WHERE released_at IS NOT NULL AND applied = 1')
  const standing = database.prepare<[Millis], StandingRow>(`SELECT id, ip, expires_at FROM blocks WHERE ${STANDS} AND ${IN_FIREWALL}`)
  const isStanding = database
    .prepare<[string], number>(`SELECT 1 FROM blocks WHERE ip = ? AND released_at IS NULL AND ${IN_FIREWALL}`)
    .pluck()
  // When there are too many, those with the least time left are left out.
  const denied = database.prepare<[Millis, number, number], { ip: string; expires_at: Millis | null }>(
    `SELECT ip, expires_at FROM blocks WHERE ${STANDS} AND (enforcement = 'proxied' OR (? = 1 AND ${IN_FIREWALL}))
     ORDER BY enforcement DESC, expires_at IS NULL DESC, expires_at DESC, ip LIMIT ?`,
  )
  const markApplied = database.prepare('UPDATE blocks SET applied = 1 WHERE id = ?')
  const markRemoved = database.prepare('UPDATE blocks SET applied = 0 WHERE id = ?')
  const allApplied = database.prepare<[], number>('SELECT id FROM blocks WHERE applied = 1').pluck()
  const started = database.prepare<[Millis], { reason: BlockReason; blocks: number }>(
    `SELECT reason, count(*) AS blocks FROM blocks WHERE blocked_at >= ? AND enforcement <> 'observed' GROUP BY reason
     ORDER BY blocks DESC, reason`,
  )
  const overdue = database.prepare<[Millis], number>('SELECT count(*) FROM blocks WHERE released_at IS NULL AND expires_at <= ?').pluck()
  return {
    /** Adds a block; there must be none that stands for its address (release an expired one first). Gives the row's id. */
    add: (block: NewBlock): number =>
      Number(
        insert.run(
          block.ip,
          block.reason,
          block.score,
          block.threatCount,
          block.blockedAt,
          Number.isFinite(block.expiresAt) ? block.expiresAt : null,
          block.eventId,
          JSON.stringify(block.rules ?? []),
          block.note ?? '',
          block.enforcement ?? 'firewall',
          block.step ?? 1,
          Number(block.isCorroborated ?? false),
          block.origin ?? '',
        ).lastInsertRowid,
      ),
    active: (ip: string, now: Millis): ShownBlock | undefined => active.get(ip, now),
    allActive: (now: Millis): ShownBlock[] => allActive.all(now),
    /** The next blocks that stand, in the order of their addresses: for whoever must not take all of them at once. */
    activeAfter: (ip: string, now: Millis, most: number): ShownBlock[] => nextActive.all(now, ip, most),
    /** How many blocks stand that are not only observed. */
    countActive: (now: Millis): number => countActive.get(now)!,
    /** How many blocks began since an instant, by reason. */
    startedSince: (at: Millis) => started.all(at),
    history: (limit: number): ShownBlock[] => all.all(limit),
    of: (ip: string, limit: number): ShownBlock[] => of.all(ip, limit),

    /** Ends every block whose time is over and gives their addresses. */
    expire: (now: Millis) => expire.all(now),
    /** Ends the block of an address; false when none stood. */
    release: (ip: string, now: Millis, by: string): boolean => end.get(now, now, by, ip) !== undefined,
    /** Does the same and gives how the block was enforced; undefined when none stood. */
    end: (ip: string, now: Millis, by: string): Enforcement | undefined => end.get(now, now, by, ip),
    /** Ends the block of an address because the same one goes on enforced in another way: it is no earlier one then. */
    replace: (ip: string, now: Millis): Enforcement | undefined => replace.get(now, ip),
    /** How many rows of an enforcement are not released, those whose time is over included. */
    countStanding: (enforcement: Enforcement): number => countStanding.get(enforcement)!,
    /** How many single addresses of an IPv4 /24 are blocked in a way. */
    countWithin(subnet: string, enforcement: Enforcement): number {
      const start = subnet.slice(0, subnet.lastIndexOf('.') + 1)
      // The sign after the dot.
      return countWithin.get(start, `${start.slice(0, -1)}/`, enforcement)!
    },
    /** Ends the blocks of an enforcement with the least time left, so many of them. */
    endSoonest(number: number, enforcement: Enforcement, now: Millis): Evicted[] {
      if (number <= 0) return []
      const [ending, eternal] = endSoonest
      const ended = ending!.all(now, now, enforcement, number)
      return ended.length === number ? ended : [...ended, ...eternal!.all(now, now, enforcement, number - ended.length)]
    },
    /** The blocks that stand for any of some networks and are not only observed. */
    among: (networks: readonly string[], now: Millis): ShownBlock[] => among.all(JSON.stringify(networks), now),
    /** Says whether a block of any of some networks that was not only observed stood at any time between two instants. */
    stoodBetween: (networks: readonly string[], from: Millis, to: Millis): boolean =>
      stoodBetween.get(JSON.stringify(networks), to, from, from) !== undefined,
    /** Makes what stands fit the mode: while observing nothing is enforced; once enforcing, what was asked for by hand is. */
    switchTo(mode: 'observe' | 'enforce'): void {
      if (toSwitch[mode].get() !== undefined) switches[mode].run()
    },
    /** Lets the blocks of an address so far count no more for how long its next one lasts. */
    forgive: (ip: string): void => void forgive.run(ip),
    /** How many blocks of an address that the policy decided on, and nobody forgave, ended after an instant or stand; `observed` ones too if asked. */
    countEarlier: (ip: string, since: Millis, { observed }: { observed: boolean }): number => earlier.get(ip, since, Number(observed))!,
    nextExpiry: (): Millis | undefined => nextExpiry.get() ?? undefined,
    countOverdue: (before: Millis): number => overdue.get(before)!,

    /** What the firewall lacks and what it holds too much, by the `applied` marks. An address that ended and was blocked again keeps its rule. */
    plan(): RowPlan {
      const added = toApply.all()
      const removed = toRemove.all()
      const inKernel = new Set(removed.map(row => row.ip))
      return {
        block: added.filter(row => !inKernel.has(row.ip)),
        renew: added.filter(row => inKernel.has(row.ip)),
        unblock: [...inKernel].filter(ip => isStanding.get(ip) === undefined),
        added: added.map(row => row.id),
        removed: removed.map(row => row.id),
      }
    },
    hasPlan: (): boolean => toApply.get() !== undefined || toRemove.get() !== undefined,

    /** Notes that the kernel has taken a plan. By row, not by address: what was released or blocked meanwhile stays to be done. */
    settle({ added, removed }: RowPlan): void {
      for (const id of added) markApplied.run(id)
      for (const id of removed) markRemoved.run(id)
    },

    /** What the scoring server refuses: the blocks of clients behind proxies, and with `all` those of the firewall too; the longest-lasting first. */
    denied: (now: Millis, { all, most }: { all: boolean; most: number }) => denied.all(now, Number(all), most),

    /** The rows that stand now and belong into the firewall, to rebuild the chain from. */
    standing: (now: Millis): StandingRow[] => standing.all(now),
    /** Notes that the kernel holds just these rows. */
    settleAll(rows: readonly Row[]): void {
      const held = new Set(rows.map(row => row.id))
      for (const id of allApplied.all()) if (!held.delete(id)) markRemoved.run(id)
      for (const id of held) markApplied.run(id)
    },
  }
}
