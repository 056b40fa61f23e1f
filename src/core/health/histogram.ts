/** Scores are counted in bins of a quarter point: bin 0 holds 0 to 0.25, bin 1 what is above 0.25 up to 0.5, …, so every threshold at a quarter cuts exactly. */
export const BIN_WIDTH = 0.25
export const BINS = 40

/** How many requests fell into each of the 40 bins. */
export type Histogram = readonly number[]

/** Own scores of all events, of those that the WAF did not flag, and of those that were no threat either. */
export type Histograms = { events: Histogram; unflagged: Histogram; ordinary: Histogram }

/** Gives the bin of a score; what lies outside 0 to 10 falls into the first or last one. */
export function binOf(score: number): number {
  return Math.min(BINS - 1, Math.max(0, Math.ceil(score / BIN_WIDTH) - 1))
}

/** Adds up a histogram. */
export function total(histogram: Histogram): number {
  return histogram.reduce((sum, count) => sum + count, 0)
}

/** Counts what scored above a value, which must lie at the edge of a bin. */
export function countOver(histogram: Histogram, score: number): number {
  return total(histogram.slice(Math.round(score / BIN_WIDTH)))
}

/** Gives the score that half of the requests exceed, as exact as the bins; undefined when there are none. */
export function medianOf(histogram: Histogram): number | undefined {
  const half = total(histogram) / 2
  if (half === 0) return undefined
  let below = 0
  for (const [bin, count] of histogram.entries()) {
    if (count > 0 && below + count >= half) return BIN_WIDTH * (bin + (half - below) / count)
    below += count
  }
  return undefined
}

/** Gives the share of ordinary requests that training promises above a score: the scale of core/model/calibrate.ts, read backwards. */
export function promisedShare(score: number): number {
  if (score <= 0) return 1
  return 10 ** -(score <= 5 ? score / 2.5 : 2 + (score - 5) / 1.5)
}

/** The score that half of the ordinary requests exceed when training keeps its promise: 0.75. */
export const PROMISED_MEDIAN = 2.5 * Math.log10(2)

/** Gives the share of ordinary requests that training promises in a bin. */
export function promisedInBin(bin: number): number {
  const upper = bin === BINS - 1 ? 0 : promisedShare((bin + 1) * BIN_WIDTH)
  return promisedShare(bin * BIN_WIDTH) - upper
}
