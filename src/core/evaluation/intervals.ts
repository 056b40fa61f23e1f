import { countAbove, countBelow, type Sorted } from './curve.ts'

/** The ends of a 95 % confidence interval. */
export type Interval = readonly [low: number, high: number]

/** The normal quantile of 97.5 % (two-sided 95 %) and of 98.75 % (two-sided 97.5 %). */
const Z_95 = 1.959963984540054
const Z_97_5 = 2.241402727604947

/** Gives the interval of a share, `found` of `of` (Wilson 1927, without correction): sound near 0 and 1 too. */
export function shareInterval(found: number, of: number): Interval | undefined {
  return wilson(found, of, Z_95)
}

/** Gives the interval of the area under the ROC curve (DeLong, DeLong & Clarke-Pearson 1988, on the logit so that it stays within 0 and 1). Where
 *  nothing overlaps their variance is 0, which claims too much: then the lower end is Wilson's for the smaller class. */
export function areaInterval({ benign, attack }: Sorted, area: number): Interval | undefined {
  if (benign.length < 2 || attack.length < 2) return undefined
  const variance = varianceOf(placements(attack, benign)) / attack.length + varianceOf(placements(benign, attack)) / benign.length
  if (variance === 0) {
    const fewest = Math.min(benign.length, attack.length)
    return wilson(area * fewest, fewest, Z_95)
  }
  return logitInterval(area, Math.sqrt(variance) / (area * (1 - area)))
}

/** Gives the interval of an average precision over `attacks` attacks (the logit interval of Boyd, Eng & Page 2013). */
export function precisionInterval(precision: number, attacks: number): Interval | undefined {
  if (attacks === 0) return undefined
  if (precision <= 0 || precision >= 1) return wilson(precision * attacks, attacks, Z_95)
  return logitInterval(precision, 1 / Math.sqrt(attacks * precision * (1 - precision)))
}

/** Gives the interval of the share of attacks that are recognised where a share of benign requests is taken for attacks. Both the threshold and the
 *  share above it are estimates: order statistics enclose the true threshold (97.5 %, free of any distribution; David & Nagaraja, Order
 *  Statistics, 7.1), Wilson's intervals at its two ends enclose the share (97.5 %), together at least 95 % (Bonferroni). With too few benign requests
 *  to say anything about so small a share the lower end is 0. */
export function recallInterval({ benign, attack }: Sorted, share: number): Interval | undefined {
  if (benign.length === 0 || attack.length === 0) return undefined
  const { fewest, most } = binomialInterval(benign.length, share, 0.025)
  const recallWith = (allowed: number) => {
    // With nothing allowed the true threshold may lie beyond every score that was seen.
    if (allowed < 0) return 0
    return allowed >= benign.length ? attack.length : countAbove(attack, benign[benign.length - 1 - allowed]!)
  }
  const low = wilson(recallWith(fewest - 1), attack.length, Z_97_5)!
  const high = wilson(recallWith(most), attack.length, Z_97_5)!
  return [fewest === 0 ? 0 : low[0], high[1]]
}

/** Gives the fewest and most successes of `count` trials so that either tail beyond them is at most `tail` / 2. */
export function binomialInterval(count: number, share: number, tail: number): { fewest: number; most: number } {
  // By logarithms: among many trials having no success at all is less likely than the smallest number.
  let logProbability = count * Math.log1p(-share)
  const logOdds = Math.log(share) - Math.log1p(-share)
  let sum = Math.exp(logProbability)
  let fewest = 0
  let successes = 0
  const next = () => {
    logProbability += Math.log((count - successes) / (successes + 1)) + logOdds
    successes += 1
    sum += Math.exp(logProbability)
  }
  while (sum <= tail / 2 && successes < count) {
    next()
    fewest = successes
  }
  while (sum < 1 - tail / 2 && successes < count) next()
  return { fewest, most: successes }
}

/** The share of the other class below each score, a tie counting half. */
function placements(scores: Float64Array, others: Float64Array): Float64Array {
  return scores.map(score => (countBelow(others, score) + countBelow(others, score, true)) / 2 / others.length)
}

function varianceOf(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)
}

function logitInterval(value: number, deviation: number): Interval {
  const logit = Math.log(value / (1 - value))
  const back = (at: number) => 1 / (1 + Math.exp(-at))
  return [back(logit - Z_95 * deviation), back(logit + Z_95 * deviation)]
}

function wilson(found: number, of: number, z: number): Interval | undefined {
  if (of === 0) return undefined
  const share = found / of
  const width = z * Math.sqrt((share * (1 - share)) / of + (z * z) / (4 * of * of))
  const [middle, all] = [share + (z * z) / (2 * of), 1 + (z * z) / of]
  // Without a failure (or success) the end is exact, which rounding must not blur.
  return [found === 0 ? 0 : (middle - width) / all, found === of ? 1 : (middle + width) / all]
}
