import { isScoreRule } from '../entry/scores.ts'
import type { AuditEvent, Millis } from '../types.ts'
import { BINS, binOf } from './histogram.ts'

/** How grave a threat is in reports: above high_score, above threat_score, or a threat only because the WAF denied it. */
export type Risk = 'high' | 'medium' | 'low'

export type RiskScores = { highScore: number; threatScore: number }

/** An event as the health of the model sees it. `own` is undefined when the log holds no request to score. */
export type Judged = {
  at: Millis
  event: Pick<AuditEvent, 'matches' | 'intercepted' | 'loggedScore'>
  ownScore: number | undefined
  score: number
  threat: boolean
  /** False for what may be text that a client sent. */
  trusted: boolean
}

export const COUNTS = ['events', 'threats', 'high', 'medium', 'denied', 'deniedLow', 'compared', 'disagreeing'] as const

/** What happened, in numbers. `deniedLow`: the WAF denied them and our own score was no more than threat_score; `compared`: had an inline score
 *  beside our own, of which `disagreeing` lay more than 2 points apart. */
export type Tally = Record<(typeof COUNTS)[number], number>

/** A tally of an hour (hours since 1970). */
export type HourTally = Tally & { hour: number }
/** The same of one model. */
export type ModelHour = HourTally & { model: string }
/** How many threats of an hour and risk were marked as false positives. */
export type MarkedHour = { hour: number; risk: Risk; marks: number }
export type HourBin = { hour: number; bin: number; events: number; unflagged: number; ordinary: number }

const DISAGREEMENT = 2
const HOUR: Millis = 3_600_000

/** Says how grave a threat is. */
export function riskOf(score: number, { highScore, threatScore }: RiskScores): Risk {
  return score > highScore ? 'high' : score > threatScore ? 'medium' : 'low'
}

/** Says whether the WAF had a word against an event; a rule that only writes down our score has none. */
export function isFlagged({ matches, intercepted }: Judged['event']): boolean {
  return intercepted || matches.some(match => !isScoreRule(match.id))
}

/** Adds up events by hour, and their own scores by hour and bin: few rows, however many events. */
export function tallyEvents(events: readonly Judged[], scores: RiskScores): { hours: HourTally[]; bins: HourBin[] } {
  const hours = new Map<number, HourTally>()
  const bins = new Map<number, HourBin>()
  for (const judged of events) {
    const hour = Math.floor(judged.at / HOUR)
    const tally = hours.get(hour) ?? { hour, ...emptyTally() }
    hours.set(hour, tally)
    addTo(tally, judged, scores)
    if (judged.ownScore === undefined) continue
    const bin = binOf(judged.ownScore)
    const row = bins.get(hour * BINS + bin) ?? { hour, bin, events: 0, unflagged: 0, ordinary: 0 }
    bins.set(hour * BINS + bin, row)
    row.events++
    // What a client may have forged must not make strange scores look ordinary.
    if (!judged.trusted || isFlagged(judged.event)) continue
    row.unflagged++
    if (!judged.threat) row.ordinary++
  }
  return { hours: [...hours.values()], bins: [...bins.values()] }
}

/** Gives a tally of nothing. */
export function emptyTally(): Tally {
  return { events: 0, threats: 0, high: 0, medium: 0, denied: 0, deniedLow: 0, compared: 0, disagreeing: 0 }
}

/** Sums tallies up. */
export function sumTallies(tallies: readonly Tally[]): Tally {
  const sum = emptyTally()
  for (const tally of tallies) for (const name of COUNTS) sum[name] += tally[name]
  return sum
}

function addTo(tally: Tally, { event, ownScore, score, threat }: Judged, scores: RiskScores): void {
  tally.events++
  if (threat) {
    tally.threats++
    const risk = riskOf(score, scores)
    if (risk !== 'low') tally[risk]++
  }
  if (event.intercepted) tally.denied++
  if (ownScore === undefined) return
  if (event.intercepted && ownScore <= scores.threatScore) tally.deniedLow++
  if (event.loggedScore === undefined) return
  tally.compared++
  if (Math.abs(event.loggedScore - ownScore) > DISAGREEMENT) tally.disagreeing++
}
