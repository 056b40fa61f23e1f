import { PRIOR_DEPTH, PRIOR_LEAVES, PRIOR_QUESTIONS, type Prior } from './prior.ts'

export type BoostOptions = { trees: number; rate: number }

const BINS = 128
/** Rows a leaf has at least, and what keeps the value of a leaf small (Chen and Guestrin 2016: lambda). */
const LEAST_ROWS = 20
const LAMBDA = 1

/** Grows a prior by gradient boosting with second-order steps on logistic loss (Friedman 2001; Chen and Guestrin 2016) from rows of features;
 *  `attacks[i]` is 1 for an attack, else 0. The same rows give the same prior. */
export function growPrior(rows: readonly Float64Array[], attacks: Uint8Array, { trees, rate }: BoostOptions): Prior {
  const width = rows[0]!.length
  const cuts = Array.from({ length: width }, (_, feature) => cutsOf(rows, feature))
  const bins = cuts.map((list, feature) => Uint8Array.from(rows, row => binOf(list, row[feature]!)))
  const sums = new Float64Array(rows.length)
  const prior = {
    features: new Uint8Array(trees * PRIOR_QUESTIONS),
    thresholds: new Float64Array(trees * PRIOR_QUESTIONS).fill(Number.MAX_VALUE),
    leaves: new Float64Array(trees * PRIOR_LEAVES),
  }
  const gradient = new Float64Array(rows.length)
  const curvature = new Float64Array(rows.length)
  for (let tree = 0; tree < trees; tree++) {
    for (let row = 0; row < rows.length; row++) {
      const chance = 1 / (1 + Math.exp(-sums[row]!))
      gradient[row] = attacks[row]! - chance
      curvature[row] = chance * (1 - chance)
    }
    growTree(tree)
  }
  return prior

  function growTree(tree: number): void {
    let nodes: Uint32Array[] = [Uint32Array.from(rows.keys())]
    for (let level = 0; level < PRIOR_DEPTH; level++) {
      nodes = nodes.flatMap((members, place) => {
        const split = bestSplit(members)
        if (split === undefined) return [members, new Uint32Array(0)]
        const question = tree * PRIOR_QUESTIONS + 2 ** level - 1 + place
        prior.features[question] = split.feature
        prior.thresholds[question] = cuts[split.feature]![split.bin]!
        const bin = bins[split.feature]!
        return [members.filter(row => bin[row]! <= split.bin), members.filter(row => bin[row]! > split.bin)]
      })
    }
    nodes.forEach((members, place) => {
      let [slope, bend] = [0, LAMBDA]
      for (const row of members) {
        slope += gradient[row]!
        bend += curvature[row]!
      }
      const value = (rate * slope) / bend
      prior.leaves[tree * PRIOR_LEAVES + place] = value
      for (const row of members) sums[row]! += value
    })
  }

  function bestSplit(members: Uint32Array): { feature: number; bin: number } | undefined {
    let best: { feature: number; bin: number; gain: number } | undefined
    for (let feature = 0; feature < width; feature++) {
      const bin = bins[feature]!
      const slopes = new Float64Array(BINS)
      const bends = new Float64Array(BINS)
      const counts = new Uint32Array(BINS)
      for (const row of members) {
        const at = bin[row]!
        slopes[at]! += gradient[row]!
        bends[at]! += curvature[row]!
        counts[at]!++
      }
      const [slope, bend] = [sum(slopes), sum(bends)]
      let [left, leftBend, leftCount] = [0, 0, 0]
      for (let at = 0; at < cuts[feature]!.length; at++) {
        left += slopes[at]!
        leftBend += bends[at]!
        leftCount += counts[at]!
        if (leftCount < LEAST_ROWS || members.length - leftCount < LEAST_ROWS) continue
        const gain = left ** 2 / (leftBend + LAMBDA) + (slope - left) ** 2 / (bend - leftBend + LAMBDA) - slope ** 2 / (bend + LAMBDA)
        if (gain > (best?.gain ?? 1e-9)) best = { feature, bin: at, gain }
      }
    }
    return best
  }
}

/** Gives up to BINS - 1 thresholds between the quantiles of a feature, rising. */
function cutsOf(rows: readonly Float64Array[], feature: number): Float64Array {
  const sorted = Float64Array.from(rows, row => row[feature]!).sort()
  const cuts = new Set<number>()
  for (let bin = 1; bin < BINS; bin++) {
    const at = Math.floor((bin * sorted.length) / BINS)
    if (at > 0 && sorted[at - 1]! < sorted[at]!) cuts.add((sorted[at - 1]! + sorted[at]!) / 2)
    else if (at > 0) {
      // A value that fills whole quantiles: cut behind it.
      let next = at
      while (next < sorted.length && sorted[next] === sorted[at]) next++
      if (next < sorted.length) cuts.add((sorted[at]! + sorted[next]!) / 2)
    }
  }
  return Float64Array.from([...cuts].sort((a, b) => a - b).slice(0, BINS - 1))
}

function binOf(cuts: Float64Array, value: number): number {
  let bin = 0
  while (bin < cuts.length && value > cuts[bin]!) bin++
  return bin
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0)
}
