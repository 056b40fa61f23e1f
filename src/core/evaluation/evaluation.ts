import { areaUnderCurve, averagePrecision, countAbove, countBelow, type Sorted, shareAbove, sortScores, thresholdAt } from './curve.ts'
import { areaInterval, type Interval, precisionInterval, recallInterval, shareInterval } from './intervals.ts'

/** The shares of false positives at which recall is measured, and the scores whose reach is counted, as `--json` names them. */
export const SHARES = ['0.01', '0.001'] as const
export const SCORES = ['5', '6', '7', '8'] as const

type ByShare<T> = Record<(typeof SHARES)[number], T>
type ByScore<T> = Record<(typeof SCORES)[number], { benign: T; attack: T }>

/** How well a model tells attacks from benign requests; a figure without data is null. `_ci` are 95 % intervals. */
export type Evaluation = {
  auc: number | null
  auc_ci: Interval | null
  average_precision: number | null
  average_precision_ci: Interval | null
  tpr_at_fpr: ByShare<number | null>
  tpr_at_fpr_ci: ByShare<Interval | null>
  share_over: ByScore<number | null>
  share_over_ci: ByScore<Interval | null>
  benign: number
  attack: number
  /** Requests without local data for their host, whose score is held down. */
  capped: number
}

/** How well the attacks of one group are told, at the thresholds of all benign requests. */
export type GroupEvaluation = {
  attack: number
  tpr_at_fpr: ByShare<number | null>
  tpr_at_fpr_ci: ByShare<Interval | null>
  share_over: Record<(typeof SCORES)[number], number | null>
}

/** The scores of one class: `raw` orders (no ties by rounding or caps), `score` is the 0–10 that users see. */
export type Scores = { raw: Float64Array; score: Float64Array }

/** Measures a model by the scores it gave. */
export function evaluate(benign: Scores, attack: Scores, capped: number): Evaluation {
  const sorted: Sorted = { benign: sortScores(benign.raw), attack: sortScores(attack.raw) }
  const shown: Sorted = { benign: sortScores(benign.score), attack: sortScores(attack.score) }
  const auc = areaUnderCurve(sorted)
  const precision = sorted.benign.length === 0 ? undefined : averagePrecision(sorted)
  return {
    auc: auc ?? null,
    auc_ci: auc === undefined ? null : (areaInterval(sorted, auc) ?? null),
    average_precision: precision ?? null,
    average_precision_ci: precision === undefined ? null : (precisionInterval(precision, sorted.attack.length) ?? null),
    tpr_at_fpr: byShare(share => recallAt(sorted, share)),
    tpr_at_fpr_ci: byShare(share => recallInterval(sorted, share) ?? null),
    share_over: byScore(score => ({ benign: reach(shown.benign, score), attack: reach(shown.attack, score) })),
    share_over_ci: byScore(score => ({ benign: reachInterval(shown.benign, score), attack: reachInterval(shown.attack, score) })),
    benign: sorted.benign.length,
    attack: sorted.attack.length,
    capped,
  }
}

/** Measures a model on some of the attacks: the share that is recognised at the thresholds of all benign requests, which are taken as given
 *  for the intervals (Wilson). */
export function evaluateGroup(benign: Scores, attack: Scores): GroupEvaluation {
  const sorted: Sorted = { benign: sortScores(benign.raw), attack: sortScores(attack.raw) }
  const shown = sortScores(attack.score)
  return {
    attack: sorted.attack.length,
    tpr_at_fpr: byShare(share => recallAt(sorted, share)),
    tpr_at_fpr_ci: byShare(share => {
      const threshold = thresholdAt(sorted.benign, share)
      return threshold === undefined ? null : (shareInterval(countAbove(sorted.attack, threshold), sorted.attack.length) ?? null)
    }),
    share_over: Object.fromEntries(SCORES.map(score => [score, reach(shown, Number(score))])) as GroupEvaluation['share_over'],
  }
}

function recallAt({ benign, attack }: Sorted, share: number): number | null {
  const threshold = thresholdAt(benign, share)
  return threshold === undefined ? null : (shareAbove(attack, threshold) ?? null)
}

/** The share of scores that reach a score or more. */
function reach(sorted: Float64Array, score: number): number | null {
  return sorted.length === 0 ? null : (sorted.length - countBelow(sorted, score)) / sorted.length
}

function reachInterval(sorted: Float64Array, score: number): Interval | null {
  return shareInterval(sorted.length - countBelow(sorted, score), sorted.length) ?? null
}

function byShare<T>(measure: (share: number) => T): ByShare<T> {
  return Object.fromEntries(SHARES.map(share => [share, measure(Number(share))])) as ByShare<T>
}

function byScore<T>(measure: (score: number) => { benign: T; attack: T }): ByScore<T> {
  return Object.fromEntries(SCORES.map(score => [score, measure(Number(score))])) as ByScore<T>
}
