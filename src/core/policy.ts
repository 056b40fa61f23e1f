import type { Settings } from './settings.ts'
import type { BlockReason, Millis } from './types.ts'

export type Policy = Pick<
  Settings,
  | 'threatScore'
  | 'repeatScore'
  | 'blockScore'
  | 'repeatCount'
  | 'maxCount'
  | 'interceptedScore'
  | 'busyAfter'
  | 'busyShare'
  | 'blockTime'
  | 'countWindow'
>

/** What one event says about its address: the score that decides (0 to 10) and whether the WAF itself denied the request. */
export type Evidence = { score: number; intercepted: boolean }

/** What the address did within the window, this event included: all events, all threats, and the threats that the WAF denied. */
export type Counts = { events: number; threats: number; denied: number }

export type Decision = { action: 'watch' } | { action: 'block'; reason: BlockReason }

const WATCH: Decision = { action: 'watch' }

/** Says whether an event is a threat: it scores above `threat_score`, or the WAF denied it and it scores `intercepted_score` or more. */
export function isThreat({ score, intercepted }: Evidence, policy: Policy): boolean {
  return score > policy.threatScore || (intercepted && score >= policy.interceptedScore)
}

/** Says whether an address makes so many events with so few threats that its threats are what chance gives at the calibrated shares. */
export function isBusy(counts: Counts, policy: Policy): boolean {
  return counts.events > policy.busyAfter && counts.threats < policy.busyShare * counts.events
}

/** Decides on a threat. For a busy address only what the WAF denied counts, and only such a threat can block it. */
export function judge(threat: Evidence, counts: Counts, policy: Policy): Decision {
  const busy = isBusy(counts, policy)
  if (busy && !threat.intercepted) return WATCH
  const count = busy ? counts.denied : counts.threats
  if (threat.score > policy.blockScore) return { action: 'block', reason: 'high-score' }
  if (count > policy.repeatCount && threat.score > policy.repeatScore) return { action: 'block', reason: 'repeated' }
  if (count > policy.maxCount) return { action: 'block', reason: 'too-many' }
  return WATCH
}

/** Says whether an event is recent enough to start a block: a backlog must not punish yesterday's holder of an address. */
export function startsBlock(at: Millis, now: Millis, policy: Policy): boolean {
  return now - at <= policy.blockTime
}
