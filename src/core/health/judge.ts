import { isBaseVersion } from '../model-history.ts'
import type { Settings } from '../settings.ts'
import { formatShare } from '../share.ts'
import { countOver, type Histogram, medianOf, PROMISED_MEDIAN, promisedShare, total } from './histogram.ts'
import type { Tally } from './tally.ts'

export type ModelStatus = 'normal' | 'too_sensitive' | 'too_lenient'

/** What the model is held to. */
export type HealthLimits = Pick<
  Settings,
  'highScore' | 'threatScore' | 'healthMinDetections' | 'tooSensitiveShare' | 'tooLenientShare' | 'driftLimit'
>

/** Fewer ordinary requests than this say nothing about a median or a share. */
const FEWEST_ORDINARY = 200
/** A share may be so many times what was promised: no two weeks of traffic are alike. */
const SLACK = 2.5

/** Judges a model by its detections (threats), as the how-to's monitor does: too many high ones, or too few while the WAF denied what we scored low.
 *  With fewer detections than it takes the model is normal, and the reason says so. */
export function judgeModel(
  { threats, high, deniedLow }: Pick<Tally, 'threats' | 'high' | 'deniedLow'>,
  limits: HealthLimits,
): { status: ModelStatus; reason: string } {
  if (threats === 0 || threats < limits.healthMinDetections)
    return {
      status: 'normal',
      reason: `too few detections to judge: ${threats}, it takes ${Math.max(1, limits.healthMinDetections)}`,
    }
  const share = high / threats
  const found = `${high} of ${threats} detections (${formatShare(share)}) are high, above ${limits.highScore}`
  if (share > limits.tooSensitiveShare)
    return { status: 'too_sensitive', reason: `${found}; more than ${formatShare(limits.tooSensitiveShare)} is too many` }
  if (share >= limits.tooLenientShare) return { status: 'normal', reason: found }
  const few = `${found}; fewer than ${formatShare(limits.tooLenientShare)} is few`
  return deniedLow === 0
    ? { status: 'normal', reason: `${few}, but the WAF denied nothing that we scored low` }
    : { status: 'too_lenient', reason: `${few}, and the WAF denied ${deniedLow} that we scored ${limits.threatScore} or less` }
}

/** How far the median of ordinary requests (not flagged by the WAF, no threats) lies from the promised one, in points of the score. */
export type Drift = {
  requests: number
  /** Null while there are too few requests. */
  median: number | null
  drift: number | null
  drifted: boolean
  reason: string
}

/** Measures the drift of ordinary traffic away from what the model was trained on. The model that ships with the program was trained on nobody's here:
 *  its median says how strange a site is, not that anything changed. */
export function measureDrift(ordinary: Histogram, { driftLimit }: Pick<HealthLimits, 'driftLimit'>, model = ''): Drift {
  const requests = total(ordinary)
  if (requests < FEWEST_ORDINARY)
    return {
      requests,
      median: null,
      drift: null,
      drifted: false,
      reason: `too few requests that the WAF did not flag: ${requests}, it takes ${FEWEST_ORDINARY} (SecAuditEngine RelevantOnly logs hardly any)`,
    }
  const median = round(medianOf(ordinary)!)
  const drift = round(median - PROMISED_MEDIAN)
  const above = `half of the ordinary requests score above ${median.toFixed(2)}`
  if (isBaseVersion(model))
    return { requests, median, drift, drifted: false, reason: `${above}; a model of your own promises ${PROMISED_MEDIAN.toFixed(2)}` }
  const drifted = Math.abs(drift) > driftLimit
  const found = `${above}, promised is ${PROMISED_MEDIAN.toFixed(2)}`
  const look = drift > 0 ? 'stranger' : 'plainer'
  return { requests, median, drift, drifted, reason: drifted ? `${found}: they look ${look} than in training` : found }
}

/** One promise of the scale: which share of requests that the WAF did not flag lies above a score. */
export type BandShare = { over: number; requests: number; share: number | null; promised: number; kept: boolean }

/** Compares the shares above 5, 6, 7 and 8 with what training promises. `kept` is false only when chance does not explain the excess. */
export function compareShares(unflagged: Histogram): BandShare[] {
  const all = total(unflagged)
  return [5, 6, 7, 8].map(over => {
    const requests = countOver(unflagged, over)
    const promised = promisedShare(over)
    const share = all === 0 ? null : requests / all
    return { over, requests, share, promised, kept: all < FEWEST_ORDINARY || leastShare(requests, all) <= SLACK * promised }
  })
}

/** The lower end of Wilson's 95 % interval of a share (Wilson 1927). */
function leastShare(count: number, all: number): number {
  const z = 1.96
  const share = count / all
  const middle = share + z ** 2 / (2 * all)
  const reach = z * Math.sqrt((share * (1 - share)) / all + z ** 2 / (4 * all ** 2))
  return (middle - reach) / (1 + z ** 2 / all)
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
