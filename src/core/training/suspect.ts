import { isDetectorRule } from '../entry/scores.ts'
import type { AuditEvent } from '../types.ts'

/** The Core Rule Set's own threshold: from this score on it denies. */
const CRS_THRESHOLD = 5
/** From here on a detector calls a request a threat. */
const THREAT_SCORE = 5
const TELLING = new Set(['EMERGENCY', 'ALERT', 'CRITICAL', 'ERROR', 'WARNING'])
/** Malformed, denied (403, and 406 in older rule sets), closed without an answer (nginx). */
const REFUSED = new Set([400, 403, 406, 444])
const NOT_FOUND = new Set([404, 410])

/** Tells whether the WAF or a detector objected to a transaction: it was denied, a rule of the severity of a warning or worse matched, the anomaly
 *  score of the Core Rule Set or the logged score of a detector was at 5 or more, or its entry may be text that a client wrote. */
export function isSuspectEvent({ intercepted, inboundScore, loggedScore, matches }: AuditEvent, trust: 'full' | 'low'): boolean {
  if (trust === 'low' || intercepted) return true
  if ((inboundScore ?? 0) >= CRS_THRESHOLD || (loggedScore ?? 0) >= THREAT_SCORE) return true
  return matches.some(({ id, severity }) => TELLING.has(severity) && !isDetectorRule(id))
}

/** Tells whether a request is better left out by its status alone, which is all that an access log says. Whether 403 came from the WAF or from the
 *  application cannot be told: leaving out an innocent request costs little, training on an attack much. */
export function isSuspectStatus(status: number | undefined): boolean {
  return status !== undefined && REFUSED.has(status)
}

/** Tells whether the server had nothing at the address of a request, by its status. */
export function isNotFoundStatus(status: number | undefined): boolean {
  return status !== undefined && NOT_FOUND.has(status)
}
