import type { Scored } from '../model/model.ts'
import { CEILING } from '../model/standing.ts'

/** What the scorer says about a request: a score and what follows from it, or that the WAF must decide alone. */
export type Verdict = { kind: 'score'; score: number; deny: boolean } | { kind: 'none'; why: 'capped' | 'late' | 'stopping' }

/** Who is on the list of denied clients gets the highest score there is. */
export const DENIED_SCORE = 10
export const DENIED: Verdict = { kind: 'score', score: DENIED_SCORE, deny: true }

/** Turns a score into a verdict. A host with too little local data has no say: the WAF decides as it would alone. What is only new at a host gets no
 *  more than an unknown host could, so that it denies nobody in any mode of the plugin. */
export function toVerdict(scored: Scored, highScore: number): Verdict {
  if (isCapped(scored)) return { kind: 'none', why: 'capped' }
  if (scored.unconfirmed) return { kind: 'score', score: Math.min(scored.score, CEILING.unknown), deny: false }
  return { kind: 'score', score: scored.score, deny: scored.score >= highScore }
}

/** Says whether the host of a request has too little local data, so that its score was held down. */
export function isCapped(scored: Scored & { capped?: boolean }): boolean {
  return scored.capped === true
}

export type Reply = { status: number; body: string; type?: 'text' | 'json' }

/** Answers the original plugin: 200 passes, 401 is an anomaly; the score as a positive decimal, since its rules read a sign as arithmetic and 0 as none. */
export function formReply(verdict: Verdict): Reply {
  if (verdict.kind === 'none') return noVerdict(verdict.why)
  return { status: verdict.deny ? 401 : 200, body: Math.max(0.01, verdict.score).toFixed(2) }
}

/** Answers our own plugin: `7.25 deny` or `2.10 pass`. */
export function inlineReply(verdict: Verdict): Reply {
  if (verdict.kind === 'none') return noVerdict(verdict.why)
  return { status: 200, body: `${verdict.score.toFixed(2)} ${verdict.deny ? 'deny' : 'pass'}\n` }
}

const WHY = { capped: 'too little local data', late: 'too busy', stopping: 'stopping' } as const

function noVerdict(why: keyof typeof WHY): Reply {
  return { status: 503, body: `${WHY[why]}\n` }
}
