/** Turns raw scores into the 0–10 scale. `raw` holds the raw scores at the benign shares `shareAt(0) … shareAt(KNOTS - 1)`, rising; beyond the last one the tail
 *  falls off exponentially with `tailMean`. */
export type Calibration = { raw: Float64Array; tailMean: number }

/** The share of benign requests from which on the tail is modelled: fewer than this are too few to count. */
const TAIL_SHARE = 0.02
/** The least the tail's mean can be: two forests of the same rows differ by about as much, and that must not look strange. */
const LEAST_TAIL = 0.01
export const KNOTS = 129
/** -log10 of the tail's share, where the knots end. */
const LAST = -Math.log10(TAIL_SHARE)

/** Fits the scale to raw scores of benign requests that the scoring forest has not seen; needs 10 at least. */
export function calibrate(scores: readonly number[]): Calibration {
  const sorted = Float64Array.from(scores).sort().reverse()
  const raw = Float64Array.from({ length: KNOTS }, (_, knot) => quantile(sorted, 10 ** -((LAST * knot) / (KNOTS - 1))))
  for (let knot = 1; knot < KNOTS; knot++) raw[knot] = Math.max(raw[knot]!, raw[knot - 1]!)
  const start = raw[KNOTS - 1]!
  const tail = sorted.filter(score => score > start)
  const mean = tail.reduce((sum, score) => sum + score - start, 0) / Math.max(1, tail.length)
  return { raw, tailMean: Math.max(mean, LEAST_TAIL) }
}

/** Gives -log10 of the share of benign requests with a raw score as high as this. Rises with the raw score. */
export function surprisal({ raw, tailMean }: Calibration, score: number): number {
  const start = raw[KNOTS - 1]!
  if (score >= start) return LAST + (score - start) / tailMean / Math.LN10
  let low = 0
  let high = KNOTS - 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (raw[middle]! <= score) low = middle
    else high = middle
  }
  if (score <= raw[0]!) return 0
  const span = raw[high]! - raw[low]!
  return (LAST / (KNOTS - 1)) * (low + (span === 0 ? 0 : (score - raw[low]!) / span))
}

/** Places a surprisal on the 0–10 scale: 5, 6, 7 and 8 mean benign shares of 1, 0.22, 0.046 and 0.01 %. Two decimals. */
export function toScale(lp: number): number {
  const scaled = lp <= 2 ? 2.5 * lp : 5 + 1.5 * (lp - 2)
  return Math.round(Math.min(10, Math.max(0, scaled)) * 100) / 100
}

/** The score that a share of the (falling) scores reaches. */
function quantile(sorted: Float64Array, share: number): number {
  const place = Math.min(sorted.length - 1, Math.max(0, share * sorted.length - 0.5))
  const below = Math.floor(place)
  const above = Math.min(sorted.length - 1, below + 1)
  return sorted[below]! + (sorted[above]! - sorted[below]!) * (place - below)
}
