/** How rare high values of each feature are among clean requests: for feature f, `count[f * KNOTS + k]` rows have at least `value[f * KNOTS + k]`
 *  (values fall as counts grow); beyond the largest value the bits grow by 1 / (ln 2 * `reach[f]`) a unit. */
export type Tails = { rows: number; value: Float64Array; count: Float64Array; reach: Float64Array }

export const TAIL_KNOTS = 160
/** The share of rows beyond which a feature counts as being in its tail, the least number of them, and the least reach. */
const TAIL_SHARE = 0.02
const TAIL_ROWS = 10
const LEAST_REACH = 0.25
/** Values that differ by less are alike: the rarest that was seen moves as much from one fifth of the requests to the next. */
const ALIKE = 0.1
/** Of the distance between median and largest value, so much is the least reach. */
const REACH_OF_SPREAD = 0.05
const TOP = 3

/** Fits the tails to rows of features of clean requests, one at least. */
export function fitTails(rows: readonly Float64Array[]): Tails {
  const size = rows[0]!.length
  const tails = {
    rows: rows.length,
    value: new Float64Array(size * TAIL_KNOTS),
    count: new Float64Array(size * TAIL_KNOTS),
    reach: new Float64Array(size),
  }
  for (let feature = 0; feature < size; feature++) {
    const sorted = Float64Array.from(rows, row => row[feature]!).sort()
    const count = sorted.length
    const inTail = Math.min(Math.max(TAIL_ROWS, Math.floor(TAIL_SHARE * count)), count)
    const start = sorted[count - inTail]!
    const beyond = sorted.subarray(count - inTail).filter(value => value > start)
    const mean = beyond.length === 0 ? 0 : beyond.reduce((sum, value) => sum + value - start, 0) / beyond.length
    const median = (sorted[(count - 1) >> 1]! + sorted[count >> 1]!) / 2
    const spread = REACH_OF_SPREAD * Math.max(sorted[count - 1]! - median, 0)
    tails.reach[feature] = Math.max(mean, spread, LEAST_REACH)
    for (let knot = 0; knot < TAIL_KNOTS; knot++) {
      // Ranks from the top: each one at first, then in steps that grow.
      const rank = Math.min(count, Math.max(knot + 1, Math.round(count ** (knot / (TAIL_KNOTS - 1)))))
      const value = sorted[count - rank]!
      tails.value[feature * TAIL_KNOTS + knot] = value
      tails.count[feature * TAIL_KNOTS + knot] = count - lowerBound(sorted, value - 1e-9)
    }
  }
  return tails
}

/** Gives the bits of one feature's value: -log2 of the share of clean requests that have as much. */
export function tailBits({ rows, value, count, reach }: Tails, feature: number, x: number): number {
  const first = feature * TAIL_KNOTS
  // The last knot whose value is not (much) below x, by a search over falling values.
  let low = -1
  let high = TAIL_KNOTS - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (value[first + middle]! >= x - ALIKE) low = middle
    else high = middle - 1
  }
  const atLeast = low < 0 ? 0 : count[first + low]!
  const beyond = Math.max(0, x - value[first]!)
  return Math.log2((rows + 1) / (1 + atLeast)) + beyond / reach[feature]! / Math.LN2
}

/** Gives the sum of the three highest bits of a row. */
export function topBits(tails: Tails, row: Float64Array): number {
  const top = new Float64Array(TOP)
  for (let feature = 0; feature < row.length; feature++) {
    let bits = tailBits(tails, feature, row[feature]!)
    for (let place = 0; place < TOP; place++) {
      if (bits > top[place]!) [top[place], bits] = [bits, top[place]!]
    }
  }
  return top.reduce((sum, bits) => sum + bits, 0)
}

function lowerBound(sorted: Float64Array, value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}
