import type { Millis } from '../types.ts'

const SECOND: Millis = 1000
const HOUR: Millis = 3_600_000
const DAY: Millis = 24 * HOUR
/** More messages than this are not summed up in one. */
const MOST_IN_A_DIGEST = 1000

/** A message that waits in the outbox. */
export type Waiting = { name: string; kind: string }

/** How far one channel has come. */
export type Progress = {
  /** When something of a kind was delivered, within the last hour. */
  sent: Readonly<Record<string, readonly Millis[]>>
  /** What is being delivered as one and must be tried as the same again, by kind. */
  digests: Readonly<Record<string, Digest>>
  /** Kinds whose last delivery failed. */
  failing: Readonly<Record<string, { attempts: number; nextAt: Millis }>>
  /** The receiver asked for peace until then. */
  pausedUntil: Millis
}

export type Digest = { id: string; names: readonly string[] }

/** What a channel does next. Several `names` are told as one. */
export type Step = { action: 'send'; kind: string; names: readonly string[]; digest?: Digest } | { action: 'wait'; until: Millis }

/** Decides what to deliver now, of messages in their order: of each kind the oldest first, at most `rate` within an hour, and all that wait as one when
 *  there are more of them than that leaves. A kind whose delivery failed waits for its next attempt and holds up no other. */
export function nextStep(waiting: readonly Waiting[], progress: Progress, { rate, now }: { rate: number; now: Millis }): Step {
  if (isAhead(progress.pausedUntil, now)) return { action: 'wait', until: progress.pausedUntil }
  const kinds = Map.groupBy(waiting, ({ kind }) => kind)
  let until = Number.POSITIVE_INFINITY
  for (const [kind, messages] of kinds) {
    const step = stepOf(kind, messages, progress, { rate, now })
    // The kinds stand in the order of their oldest message.
    if (step.action === 'send') return step
    until = Math.min(until, step.until)
  }
  return { action: 'wait', until }
}

function stepOf(kind: string, messages: readonly Waiting[], progress: Progress, { rate, now }: { rate: number; now: Millis }): Step {
  const failing = progress.failing[kind]
  if (failing !== undefined && isAhead(failing.nextAt, now)) return { action: 'wait', until: failing.nextAt }
  const recent = (progress.sent[kind] ?? []).filter(at => at > now - HOUR && at <= now)
  const room = rate - recent.length
  if (room <= 0) return { action: 'wait', until: recent[recent.length - rate]! + HOUR }
  const digest = progress.digests[kind]
  const names = messages.map(({ name }) => name)
  if (digest !== undefined) {
    const again = digest.names.filter(name => names.includes(name))
    if (again.length > 0) return { action: 'send', kind, names: again, digest }
  }
  return { action: 'send', kind, names: messages.length > room ? names.slice(0, MOST_IN_A_DIGEST) : names.slice(0, 1) }
}

/** Nothing is put off for more than a day: what lies further ahead was noted before the clock was set back. */
function isAhead(at: Millis, now: Millis): boolean {
  return at > now && at <= now + DAY
}

/** Gives how long to wait after so many failed attempts: 5 s, twice as long each time up to an hour, and between half of that and all of it, so that many
 *  machines do not come back at once. `random` is from 0 to 1. */
export function backoff(attempts: number, random: number): Millis {
  const longest = Math.min(HOUR, 5 * SECOND * 2 ** Math.min(attempts - 1, 20))
  return Math.round(longest * (0.5 + random / 2))
}

/** Reads Retry-After, seconds or a date, as how long to wait from now on; a day at most, undefined for anything else. */
export function readRetryAfter(header: string | undefined, now: Millis): Millis | undefined {
  if (header === undefined) return undefined
  const isDate = /^[A-Z][a-z]{2}, [\w :]{15,30} GMT$/.test(header)
  const wait = /^\d{1,9}$/.test(header) ? Number(header) * SECOND : isDate ? Date.parse(header) - now : Number.NaN
  return Number.isNaN(wait) ? undefined : Math.min(DAY, Math.max(0, wait))
}

/** Says which messages have waited for more than a day: they are given up. */
export function isLate(at: Millis, now: Millis): boolean {
  return at < now - DAY
}
