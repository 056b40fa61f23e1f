import { widerNetworks } from './core/bounds.ts'
import { DENIED_SCORE } from './core/scoring/verdict.ts'
import type { AuditEvent, Millis } from './core/types.ts'
import type { Store } from './edge/store/store.ts'

/** Logs have whole seconds, and a block that was lifted may stand in the scoring server's list for so long. */
const EARLY: Millis = 1000
const LATE: Millis = 2000

type Reading = {
  event: AuditEvent
  at: Millis
  ip: string
  isProxied: boolean
  ownScore: number | undefined
  score: number
  logged?: AuditEvent
}

/** Takes back what only says that a client is blocked already: whom the scoring server refuses gets the highest score whatever he asks for, and the WAF
 *  denies it. Were that evidence, a block would begin anew at its own end, for longer, as long as its client goes on. Its own score stays; `logged` is the
 *  event as it was. */
export function withoutRefusal<T extends Reading>(reading: T, { blocks }: Pick<Store, 'blocks'>): T {
  const { event, at, ip, isProxied, ownScore } = reading
  if (!isProxied || event.loggedScore !== DENIED_SCORE) return reading
  if (!blocks.stoodBetween([ip, ...widerNetworks(ip)], at - LATE, at + EARLY)) return reading
  return { ...reading, event: { ...event, loggedScore: undefined, intercepted: false }, score: ownScore ?? 0, logged: event }
}
