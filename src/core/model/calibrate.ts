/** Turns raw scores into -log10 of the share of clean requests that reach them. `raw` holds the raw scores at KNOTS shares whose -log10 goes evenly from 0 to
 *  `last`, rising; beyond the last one the tail falls off exponentially with `tailMean`. */
export type Calibration = { raw: Float64Array; last: number; tailMean: number }

/** At most this share of the scores is the tail that is modelled … */
const TAIL_SHARE = 0.02
/** … and where there are many scores, as few as this: what can be counted is not guessed. */
const TAIL_COUNT = 20
/** The least the tail's mean can be: two forests of the same rows differ by about as much, and that must not look strange. */
const LEAST_TAIL = 0.01
export const KNOTS = 129

/** Fits the scale to raw scores of clean requests that the scorer has not seen; needs 10 at least. `leastTail`: a difference of raw scores that is nothing
 *  strange. */
export function calibrate(scores: readonly number[], leastTail: number = LEAST_TAIL): Calibration {
  const falling = Float64Array.from(scores).sort().reverse()
  const last = -Math.log10(Math.min(TAIL_SHARE, Math.max(TAIL_COUNT / falling.length, 1e-4)))
  const raw = Float64Array.from({ length: KNOTS }, (_, knot) => quantile(falling, 10 ** -((last * knot) / (KNOTS - 1))))
  for (let knot = 1; knot < KNOTS; knot++) raw[knot] = Math.max(raw[knot]!, raw[knot - 1]!)
  // Tails that get heavier outwards are met by the mean of the outermost, others by the mean of all: whichever promises less rarity.
  const tailMean = Math.max(meanBeyond(falling, raw[KNOTS - 1]!), meanBeyond(falling, quantile(falling, TAIL_SHARE)), leastTail)
  return { raw, last, tailMean }
}

/** Gives -log10 of the share of clean requests with a raw score as high as this. Rises with the raw score. */
export function surprisal(scale: Calibration, score: number): number {
  const { raw, last, tailMean } = scale
  const start = raw[KNOTS - 1]!
  if (score <= start) return countedSurprisal(scale, score)
  const beyond = (score - start) / tailMean
  // Where many share the highest score, a hair above it is hardly rarer than they are.
  const shared = countedSurprisal(scale, start)
  return shared + (last - shared) * Math.min(1, beyond) + beyond / Math.LN10
}

/** The surprisal of a score that is not beyond the last knot. */
function countedSurprisal({ raw, last }: Calibration, score: number): number {
  if (score <= raw[0]!) return 0
  // The first knot that is as high: a score that many share is no rarer than all of them.
  let low = 0
  let high = KNOTS - 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (raw[middle]! < score) low = middle
    else high = middle
  }
  return (last / (KNOTS - 1)) * (low + (score - raw[low]!) / (raw[high]! - raw[low]!))
}

/** Places a surprisal on the 0–10 scale: 5, 6, 7 and 8 mean shares of clean requests of 1, 0.22, 0.046 and 0.01 %. Two decimals. */
export function toScale(lp: number): number {
  const scaled = lp <= 2 ? 2.5 * lp : 5 + 1.5 * (lp - 2)
  return Math.round(Math.min(10, Math.max(0, scaled)) * 100) / 100
}

/** How far the scores beyond a start lie beyond it, on average. */
function meanBeyond(falling: Float64Array, start: number): number {
  let sum = 0
  let count = 0
  while (count < falling.length && falling[count]! > start) sum += falling[count++]! - start
  return count === 0 ? 0 : sum / count
}

/** The score that a share of the (falling) scores reaches. */
function quantile(falling: Float64Array, share: number): number {
  const place = Math.min(falling.length - 1, Math.max(0, share * falling.length - 0.5))
  const below = Math.floor(place)
  const above = Math.min(falling.length - 1, below + 1)
  return falling[below]! + (falling[above]! - falling[below]!) * (place - below)
}
