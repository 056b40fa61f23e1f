import { IsolationForest, type IsolationNode } from 'ml-isolation-forest'

/** A forest as flat arrays. An inner node holds feature and threshold and its left child (the right one follows it);
 *  a leaf has feature -1 and holds depth + c(rows) as its threshold. */
export type Forest = {
  roots: Int32Array
  children: Int32Array
  features: Int16Array
  thresholds: Float64Array
  /** Rows that each tree was grown from, sentinels not counted. */
  sampleSize: number
}

export type Grown = { root: IsolationNode; sentinels: ReadonlySet<unknown> }

const TREES = 100
const SAMPLE = 1024
/** Sentinel rows a feature and their reach beyond the largest value: what makes the trees open-ended. */
const SENTINELS = 16
const REACH = 2
const FEATURE_BITS = 5
const FEATURE = 2 ** FEATURE_BITS - 1
const STEPS = new WeakMap<Forest, Uint32Array>()
const EULER = 0.5772156649

/** The mean path length of an unsuccessful search in a binary tree of n rows (Liu, Ting, Zhou 2008). The package's own lacks one Euler gamma. */
export function averagePath(rows: number): number {
  if (rows <= 1) return 0
  return rows === 2 ? 1 : 2 * (Math.log(rows - 1) + EULER) - (2 * (rows - 1)) / rows
}

/** Grows a forest from rows of finite numbers (two rows at least), each tree from at most `most` of them; the same rows and random numbers give the
 *  same forest. Raw scores depend on the size of the sample: only forests of the same size can be compared. */
export function growForest(rows: readonly Float64Array[], random: () => number, most: number = SAMPLE): Forest {
  const size = Math.min(SAMPLE, most, rows.length)
  return compile(growTrees(rows, random, size), size)
}

/** Grows the trees by the package, each on its own sample with sentinel rows beyond the largest value of each feature; one at a time, as it is asked for:
 *  a tree holds its rows at every node, a hundred of them 200 MB. */
export function* growTrees(rows: readonly Float64Array[], random: () => number, size: number): Generator<Grown> {
  if (rows.length < 2) throw new Error(`a forest needs at least 2 rows, got ${rows.length}`)
  for (let tree = 0; tree < TREES; tree++) yield growTree(rows, random, size)
}

/** Scores a row: 2^(-mean path / c(sample)), near 0 for ordinary, near 1 for isolated (Liu, Ting, Zhou 2008). */
export function scoreRow(forest: Forest, row: Float64Array): number {
  const { roots, thresholds } = forest
  const steps = stepsOf(forest)
  let sum = 0
  for (let tree = 0; tree < roots.length; tree++) {
    let node = roots[tree]!
    for (let step = steps[node]!; (step & FEATURE) !== 0; step = steps[node]!) {
      node = (step >>> FEATURE_BITS) + (row[(step & FEATURE) - 1]! < thresholds[node]! ? 0 : 1)
    }
    sum += thresholds[node]!
  }
  return 2 ** (-sum / roots.length / averagePath(forest.sampleSize))
}

/** Left child and feature of a node in one number: a walk then reads two arrays instead of three, which saves a third of its time. */
function stepsOf(forest: Forest): Uint32Array {
  const known = STEPS.get(forest)
  if (known !== undefined) return known
  const steps = Uint32Array.from(forest.features, (feature, node) => ((forest.children[node]! << FEATURE_BITS) | (feature + 1)) >>> 0)
  STEPS.set(forest, steps)
  return steps
}

/** Flattens grown trees depth first; a node that holds at most one real row becomes a leaf. */
export function compile(trees: Iterable<Grown>, sampleSize: number): Forest {
  const features: number[] = []
  const thresholds: number[] = []
  const children: number[] = []
  const reserve = (count: number) => {
    const first = features.length
    for (let index = 0; index < count; index++) {
      features.push(-1)
      thresholds.push(0)
      children.push(0)
    }
    return first
  }
  const roots = Array.from(trees, ({ root, sentinels }) => {
    const first = reserve(1)
    const place = (grown: IsolationNode, at: number, level: number): void => {
      const real = realRows(grown, sentinels)
      const { node, depth } = real <= 1 ? { node: grown, depth: level } : passEmpty(grown, level)
      if (node.left === undefined || node.right === undefined || real <= 1) {
        thresholds[at] = depth + averagePath(real)
        return
      }
      features[at] = node.splitColumn!
      thresholds[at] = node.splitValue!
      const left = reserve(2)
      children[at] = left
      place(node.left, left, depth + 1)
      place(node.right, left + 1, depth + 1)
    }
    place(root, first, 0)
    return first
  })
  return {
    roots: Int32Array.from(roots),
    children: Int32Array.from(children),
    features: Int16Array.from(features),
    thresholds: Float64Array.from(thresholds),
    sampleSize,
  }
}

/** Passes over nodes that part nothing, where all rows have one value: what has a little less than it would end up alone. */
function passEmpty(grown: IsolationNode, level: number): { node: IsolationNode; depth: number } {
  let [node, depth] = [grown, level]
  while (node.left !== undefined && node.right !== undefined && node.left.trainingSet?.length === 0) {
    node = node.right
    depth++
  }
  return { node, depth }
}

/** Counts the rows below a node that are no sentinels. */
export function realRows(node: IsolationNode, sentinels: ReadonlySet<unknown>): number {
  if (node.left !== undefined && node.right !== undefined) return realRows(node.left, sentinels) + realRows(node.right, sentinels)
  return (node.trainingSet ?? []).reduce((count, row) => (sentinels.has(row) ? count : count + 1), 0)
}

function growTree(rows: readonly Float64Array[], random: () => number, size: number): Grown {
  const sample = drawSample(rows, size, random).map(toNumbers)
  const sentinels: number[][] = []
  for (let feature = 0; feature < sample[0]!.length; feature++) {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const row of sample) {
      low = Math.min(low, row[feature]!)
      high = Math.max(high, row[feature]!)
    }
    for (let count = 0; count < SENTINELS; count++) {
      const copy = sample[Math.floor(random() * sample.length)]!.slice()
      copy[feature] = high + REACH * Math.max(high - low, 1) * (1 - random())
      sentinels.push(copy)
    }
  }
  const forest = new IsolationForest({ nEstimators: 1 })
  // The package takes its randomness from Math.random and grows synchronously.
  const chance = Math.random
  Math.random = random
  try {
    forest.train([...sample, ...sentinels])
  } finally {
    Math.random = chance
  }
  return { root: forest.forest[0]!, sentinels: new Set(sentinels) }
}

/** Makes a plain array, as the package takes them; to spread typed ones takes a third of the time to grow a tree. */
function toNumbers(row: Float64Array): number[] {
  const numbers: number[] = new Array(row.length)
  for (let index = 0; index < row.length; index++) numbers[index] = row[index]!
  return numbers
}

/** Draws rows without replacement (Floyd 1987). */
function drawSample(rows: readonly Float64Array[], size: number, random: () => number): Float64Array[] {
  const chosen = new Set<number>()
  for (let last = rows.length - size; last < rows.length; last++) {
    const index = Math.floor(random() * (last + 1))
    chosen.add(chosen.has(index) ? last : index)
  }
  return [...chosen].map(index => rows[index]!)
}
