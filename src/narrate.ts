import type { Millis } from './core/types.ts'
import type { Log } from './edge/log.ts'
import type { AllowRow } from './edge/store/allow.ts'
import type { BrakeState } from './edge/store/brake.ts'
import type { Enforced } from './enforce.ts'
import type { Handled } from './pipeline.ts'

const MINUTE: Millis = 60_000
/** More blocks than this within a second are told in one line, or journald would drop lines of its own choice. */
const MOST_LINES = 100
/** Addresses whose threats are remembered to be told once a minute; beyond it the oldest are told early. */
const MOST_ADDRESSES = 10_000

export type Narrate = ReturnType<typeof createNarrate>

/** Makes the teller of what happened: one line for what an operator would act on, never a flood. */
export function createNarrate(log: Log, clock: () => Millis) {
  const told = new Map<string, { at: Millis; untold: number; score: number; count: number }>()
  const counted = createBurst(log, clock, 'threat.counted', 'threats.counted')
  const blocked = createBurst(log, clock, 'address.blocked', 'addresses.blocked')
  const observed = createBurst(log, clock, 'address.observed', 'addresses.observed')
  const unblocked = createBurst(log, clock, 'address.unblocked', 'addresses.unblocked')
  const allowed = createBurst(log, clock, 'address.allowed', 'addresses.allowed')
  const disallowed = createBurst(log, clock, 'address.disallowed', 'addresses.disallowed')
  const skipped = createBurst(log, clock, 'entry.skipped', 'entries.skipped')

  /** Blocks that the brake held back, and those that made room: told once a minute, however many there are. */
  const holding = createSum(clock, number => log.warn('brake.held', { blocks: number, remedy: 'modwarden resume' }))
  const evicting = createSum(clock, number =>
    log.warn('blocks.evicted', { number, remedy: 'there are as many as max_blocks: raise it, or shorten block_time' }),
  )

  function tellThreat(ip: string, now: Millis): void {
    const threat = told.get(ip)!
    counted.tell('info', { ip, number: threat.untold, score: threat.score, threat_count: threat.count })
    told.delete(ip)
    told.set(ip, { ...threat, at: now, untold: 0, score: 0 })
  }

  return {
    handled({ threats, blocks, evicted, skipped: letters, held }: Omit<Handled, 'heard'>): void {
      const now = clock()
      holding.add(held)
      for (const { ip, score, count } of threats) {
        const before = told.get(ip)
        told.set(ip, {
          at: before?.at ?? Number.NEGATIVE_INFINITY,
          untold: (before?.untold ?? 0) + 1,
          score: Math.max(before?.score ?? 0, score),
          count,
        })
        if (now - told.get(ip)!.at >= MINUTE) tellThreat(ip, now)
        if (told.size > MOST_ADDRESSES) told.delete(told.keys().next().value!)
      }
      for (const { ip, reason, score, threatCount, rules, step, expiresAt, enforcement, note } of blocks) {
        const more = { ...(enforcement === 'proxied' ? { proxied: true } : {}), ...(note === undefined ? {} : { note }) }
        const tell = enforcement === 'observed' ? observed.tell : blocked.tell
        tell('info', { ip, reason, score, threat_count: threatCount, rules, step, expires_at: isoTime(expiresAt), ...more })
      }
      for (const { ip, reason, blocked_at } of evicted) unblocked.tell('info', { ip, reason, blocked_at: isoTime(blocked_at), by: 'room' })
      evicting.add(evicted.length)
      evicting.flush()
      for (const { log: path, offset, length, problem } of letters) skipped.tell('warn', { log: path, offset, length, problem })
    },

    enforced({ expired, repaired }: Enforced): void {
      for (const { ip, reason, blocked_at } of expired)
        unblocked.tell('info', { ip, reason, blocked_at: isoTime(blocked_at), by: 'expired' })
      if (repaired !== undefined) log.warn('firewall.repaired', { drift: repaired })
    },

    allowed(added: readonly AllowRow[], ended: readonly string[]): void {
      for (const { network, reason, expires_at } of added)
        allowed.tell('info', { network, reason, expires_at: isoTime(expires_at ?? Number.POSITIVE_INFINITY) })
      for (const network of ended) disallowed.tell('info', { network })
    },

    /** Tells that automatic blocking pauses; the counts are what decided it. */
    braked({ at, blocked, clients, usual, model }: Extract<BrakeState, { paused: true }>): void {
      const remedy = 'look at modwarden blocks and explain; roll the model or the rules back, then (or if all is right) modwarden resume'
      log.error('brake.engaged', { paused_at: isoTime(at), addresses: blocked, clients, usual, model, remedy })
    },
    resumed: (armedAt: Millis): void => log.warn('brake.released', { armed_at: isoTime(armedAt) }),

    unblocked: (ip: string, by: string): void => unblocked.tell('info', { ip, by }),

    /** Tells what has been held back for a minute; call it every second or so. */
    flush(): void {
      const now = clock()
      for (const [ip, { at, untold }] of told) {
        if (now - at < MINUTE) continue
        if (untold > 0) tellThreat(ip, now)
        else told.delete(ip)
      }
      for (const sum of [holding, evicting]) sum.flush()
      for (const burst of [counted, blocked, observed, unblocked, allowed, disallowed, skipped]) burst.flush()
    },
  }
}

/** Tells a number that grows: what came to it since it was told last, at most once a minute. */
function createSum(clock: () => Millis, tell: (number: number) => void) {
  let untold = 0
  let toldAt = Number.NEGATIVE_INFINITY
  return {
    add(number: number): void {
      untold += number
    },
    /** Tells what came, unless it told something within the last minute. */
    flush(): void {
      if (untold === 0 || clock() - toldAt < MINUTE) return
      tell(untold)
      untold = 0
      toldAt = clock()
    },
  }
}

/** Tells up to 100 lines a second one by one and sums up the rest. */
function createBurst(log: Log, clock: () => Millis, one: string, many: string) {
  let second = 0
  let lines = 0
  let summed = 0
  const flush = () => {
    if (summed > 0) log.warn(many, { number: summed })
    summed = 0
  }
  return {
    tell(level: 'info' | 'warn', fields: Readonly<Record<string, unknown>>): void {
      const now = Math.floor(clock() / 1000)
      if (now !== second) {
        flush()
        second = now
        lines = 0
      }
      if (lines++ < MOST_LINES) log[level](one, fields)
      else summed++
    },
    flush(): void {
      if (Math.floor(clock() / 1000) !== second) flush()
    },
  }
}

/** ISO 8601 UTC; null for a block that never ends. */
export function isoTime(at: Millis): string | null {
  return Number.isFinite(at) ? new Date(at).toISOString() : null
}
