/** What follows from the scores of labelled requests; higher means stranger. Both lists rise; a list without a score makes a figure undefined. */
export type Sorted = { benign: Float64Array; attack: Float64Array }

/** Sorts scores into a new list that rises; a score that is no number counts as the lowest. */
export function sortScores(scores: Float64Array): Float64Array {
  return scores.map(score => (Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score)).sort()
}

/** Gives the number of scores in a rising list that are lower than `limit` (or as high, with `inclusive`). */
export function countBelow(sorted: Float64Array, limit: number, inclusive = false): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! < limit || (inclusive && sorted[middle] === limit)) low = middle + 1
    else high = middle
  }
  return low
}

/** Gives the probability that an attack scores higher than a benign request, a tie counting half: the area under the ROC curve
 *  (Mann–Whitney; Hanley & McNeil 1982). */
export function areaUnderCurve({ benign, attack }: Sorted): number | undefined {
  if (benign.length === 0 || attack.length === 0) return undefined
  let sum = 0
  for (const score of attack) sum += (countBelow(benign, score) + countBelow(benign, score, true)) / 2
  return sum / benign.length / attack.length
}

/** Gives the average precision: the precision at each score of an attack, weighted by the recall it adds; requests with the same score come together. */
export function averagePrecision({ benign, attack }: Sorted): number | undefined {
  if (attack.length === 0) return undefined
  let sum = 0
  for (let high = attack.length; high > 0; ) {
    const score = attack[high - 1]!
    const low = countBelow(attack, score)
    const found = attack.length - low
    const wrong = benign.length - countBelow(benign, score)
    sum += ((high - low) * found) / (found + wrong)
    high = low
  }
  return sum / attack.length
}

/** Gives the threshold for a share of false positives: what scores HIGHER is taken for an attack. Ties never push the share over `share`: with
 *  fewer benign requests than 1/share no benign one may be taken. Undefined without a benign request. */
export function thresholdAt(benign: Float64Array, share: number): number | undefined {
  if (benign.length === 0) return undefined
  const allowed = allowedAt(benign.length, share)
  return allowed >= benign.length ? Number.NEGATIVE_INFINITY : benign[benign.length - 1 - allowed]
}

/** Gives the share of attacks that score higher than a threshold. */
export function shareAbove(sorted: Float64Array, threshold: number): number | undefined {
  return sorted.length === 0 ? undefined : countAbove(sorted, threshold) / sorted.length
}

/** Gives the number of scores that are higher than a threshold. */
export function countAbove(sorted: Float64Array, threshold: number): number {
  return sorted.length - countBelow(sorted, threshold, true)
}

function allowedAt(count: number, share: number): number {
  // 0.07 * 100 is more than 7, 0.29 * 100 less than 29: neither is meant.
  return Math.floor(count * share + 1e-9)
}
