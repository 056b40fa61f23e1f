import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import type { IsolationNode } from 'ml-isolation-forest'
import { averagePath, compile, type Forest, type Grown, growForest, growTrees, realRows, scoreRow } from '../../../src/core/model/forest.ts'
import { mulberry32 } from '../../../src/core/model/random.ts'

/** Rows of whole numbers, so that no logarithm of a platform comes in. */
function sampleRows(count: number, width: number, seed: number): Float64Array[] {
  const random = mulberry32(seed)
  return Array.from({ length: count }, () => Float64Array.from({ length: width }, (_, index) => Math.floor(random() * 10 ** (index + 1))))
}

function hashOf({ roots, children, features, thresholds, sampleSize }: Forest): string {
  const hash = createHash('sha256')
  for (const part of [roots, children, features, thresholds]) hash.update(new Uint8Array(part.buffer))
  return hash.update(String(sampleSize)).digest('hex').slice(0, 32)
}

/** Scores by walking the package's own nodes; a node with nothing to its left parts nothing. */
function scoreByNodes(trees: readonly Grown[], row: Float64Array, sampleSize: number): number {
  const sum = trees.reduce((total, { root, sentinels }) => total + pathOf(root, sentinels, row), 0)
  return 2 ** (-sum / trees.length / averagePath(sampleSize))
}

function pathOf(root: IsolationNode, sentinels: ReadonlySet<unknown>, row: Float64Array): number {
  let node = root
  let depth = 0
  while (node.left !== undefined && node.right !== undefined && realRows(node, sentinels) > 1) {
    node = row[node.splitColumn!]! < node.splitValue! && node.left.trainingSet?.length !== 0 ? node.left : node.right
    depth++
  }
  return depth + averagePath(realRows(node, sentinels))
}

// A changed hash means that trained models change: the package, the generator or the recipe is another.
const GOLDEN = [
  { name: '2 rows', rows: sampleRows(2, 3, 1), seed: 1, hash: '64f17cefd4fed067b20b8d1325ff287f' },
  { name: '300 rows', rows: sampleRows(300, 4, 2), seed: 2, hash: 'f5badbe967d3b493f95f798b3fec94df' },
  {
    name: '1,500 rows, more than a tree samples',
    rows: sampleRows(1500, 4, 3),
    seed: 4_294_967_295,
    hash: 'e3ec6c45f3ddbe9cac58df7154ce5e0e',
  },
]
for (const { name, rows, seed, hash } of GOLDEN) {
  test(`a forest of ${name} is always the same`, () => assert.equal(hashOf(growForest(rows, mulberry32(seed))), hash))
}

test('another seed grows another forest', () => {
  const rows = sampleRows(50, 3, 1)
  assert.notEqual(hashOf(growForest(rows, mulberry32(1))), hashOf(growForest(rows, mulberry32(2))))
})

test('the flat forest scores exactly as a walk over the nodes of the package', () => {
  const rows = sampleRows(400, 4, 5)
  const trees = [...growTrees(rows, mulberry32(6), rows.length)]
  const forest = compile(trees, rows.length)
  const probes = [...rows.slice(0, 100), ...sampleRows(100, 4, 7).map(row => row.map(value => value * 3 - 5))]
  for (const row of probes) assert.equal(scoreRow(forest, row), scoreByNodes(trees, row, rows.length))
})

test('a little less than what all rows have is no stranger than they are', () => {
  for (const count of [2, 10, 300, 1500]) {
    const forest = growForest(Array<Float64Array>(count).fill(Float64Array.of(0.5, 3, 0)), mulberry32(1))
    assert.equal(scoreRow(forest, Float64Array.of(0.5 - 1e-9, 2.9, 0)), scoreRow(forest, Float64Array.of(0.5, 3, 0)))
    assert.ok(scoreRow(forest, Float64Array.of(5, 3, 0)) > scoreRow(forest, Float64Array.of(0.5, 3, 0)) + 0.02, String(count))
  }
})

test('far outside is stranger than anything inside, in every direction upwards', () => {
  const rows = sampleRows(400, 3, 8)
  const forest = growForest(rows, mulberry32(9))
  const most = Math.max(...rows.slice(0, 50).map(row => scoreRow(forest, row)))
  const middle = Float64Array.of(5, 50, 500)
  for (let feature = 0; feature < 3; feature++) {
    const outside = Float64Array.from(middle)
    outside[feature] = 100_000
    assert.ok(scoreRow(forest, outside) > scoreRow(forest, middle) + 0.02)
  }
  assert.ok(scoreRow(forest, Float64Array.of(1e5, 1e5, 1e5)) > most)
})

test('a score is between 0 and 1 for whatever finite rows grew the forest and are scored', () => {
  const value = fc.double({ noNaN: true, min: -1e12, max: 1e12 })
  const row = fc.tuple(value, value).map(values => Float64Array.from(values))
  const check = (rows: Float64Array[], probe: Float64Array, seed: number) => {
    const score = scoreRow(growForest(rows, mulberry32(seed)), probe)
    assert.ok(score > 0 && score <= 1, `score ${score}`)
  }
  fc.assert(fc.property(fc.array(row, { minLength: 2, maxLength: 20 }), row, fc.nat(), check), { numRuns: 40 })
})

test('growing gives Math.random back, also when it fails', () => {
  const chance = Math.random
  growForest(sampleRows(3, 2, 1), mulberry32(1))
  assert.equal(Math.random, chance)
  const failing = () => {
    throw new Error('no numbers left')
  }
  assert.throws(() => growForest(sampleRows(3, 2, 1), failing), /no numbers left/)
  assert.equal(Math.random, chance)
})

test('fewer than two rows are refused', () => {
  assert.throws(() => growForest(sampleRows(1, 2, 1), mulberry32(1)), /at least 2 rows, got 1/)
})

for (const { rows, expected } of [
  { rows: 0, expected: 0 },
  { rows: 1, expected: 0 },
  { rows: 2, expected: 1 },
  { rows: 256, expected: 10.2448 },
]) {
  test(`the mean path in a tree of ${rows} rows is ${expected}`, () => assert.ok(Math.abs(averagePath(rows) - expected) < 1e-4))
}
