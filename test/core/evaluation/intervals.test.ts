import assert from 'node:assert/strict'
import { test } from 'node:test'
import { areaUnderCurve, type Sorted, sortScores } from '../../../src/core/evaluation/curve.ts'
import {
  areaInterval,
  binomialInterval,
  type Interval,
  precisionInterval,
  recallInterval,
  shareInterval,
} from '../../../src/core/evaluation/intervals.ts'
import { mulberry32 } from '../../../src/core/model/random.ts'

const rounded = (interval: Interval | undefined) => interval?.map(end => Math.round(end * 1e4) / 1e4)
const sorted = (benign: readonly number[], attack: readonly number[]): Sorted => ({
  benign: sortScores(Float64Array.from(benign)),
  attack: sortScores(Float64Array.from(attack)),
})

for (const { found, of, expected } of [
  { found: 5, of: 10, expected: [0.2366, 0.7634] },
  { found: 0, of: 10, expected: [0, 0.2775] },
  { found: 10, of: 10, expected: [0.7225, 1] },
  { found: 1, of: 1000, expected: [0.0002, 0.0056] },
  { found: 0, of: 0, expected: undefined },
]) {
  test(`Wilson's interval of ${found} of ${of}`, () => assert.deepEqual(rounded(shareInterval(found, of)), expected))
}

for (const { count, share, tail, fewest, most } of [
  // P(X = 0) = .0059, P(X <= 1) = .0371, P(X <= 9) = .9718, P(X <= 10) = .9885
  { count: 100, share: 0.05, tail: 0.05, fewest: 1, most: 10 },
  { count: 10, share: 0.5, tail: 0.05, fewest: 2, most: 8 },
  { count: 1000, share: 0.001, tail: 0.025, fewest: 0, most: 4 },
]) {
  test(`of ${count} trials at ${share}, ${fewest} to ${most} succeed`, () =>
    assert.deepEqual(binomialInterval(count, share, tail), { fewest, most }))
}

test('a million trials are no trouble', () => {
  const { fewest, most } = binomialInterval(1_000_000, 0.01, 0.05)
  assert.ok(Math.abs(fewest - 9805) < 3 && Math.abs(most - 10_196) < 3)
})

test("DeLong's interval, worked out by hand", () => {
  // Placements .5 and 1 (variance .125), 0, .25 and .5 (.0625): variance of the area .125 / 2 + .0625 / 3 = 1 / 12.
  assert.deepEqual(rounded(areaInterval(sorted([1, 2, 3], [2, 4]), 0.75)), [0.128, 0.984])
})

test('an area of 1 is not certain', () => {
  assert.deepEqual(rounded(areaInterval(sorted([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], Array(50).fill(11)), 1)), [0.7225, 1])
  assert.equal(areaInterval(sorted([1], [2, 3]), 1), undefined)
})

test('the interval of an average precision, worked out by hand', () => {
  // logit(.8) = 1.3863, 1 / sqrt(100 * .16) = .25: 1.3863 -+ .49
  assert.deepEqual(rounded(precisionInterval(0.8, 100)), [0.7102, 0.8672])
  assert.deepEqual([rounded(precisionInterval(1, 10)), precisionInterval(0.5, 0)], [[0.7225, 1], undefined])
})

test('the interval of a recall says nothing below where there are too few benign requests for the share', () => {
  const hundred = Array.from({ length: 100 }, (_, score) => score)
  const [low, high] = recallInterval(sorted(hundred, Array(50).fill(1000)), 0.001)!
  assert.deepEqual([low, high], [0, 1])
  const [some] = recallInterval(
    sorted(
      Array.from({ length: 1000 }, (_, score) => score),
      Array(50).fill(2000),
    ),
    0.01,
  )!
  assert.ok(some > 0.88)
  assert.equal(recallInterval(sorted([], [1]), 0.01), undefined)
})

test('the interval of a recall, worked out by hand', () => {
  // Of 1000 at 1 %, 4 to 18 lie above the true threshold (97.5 %): more than 996 is surely above it, more than 981 perhaps. Wilson's of 50 and of 80 in 100.
  const thousand = Array.from({ length: 1000 }, (_, score) => score)
  const attack = [...Array(50).fill(996.5), ...Array(10).fill(995.5), ...Array(20).fill(981.5), ...Array(20).fill(500)]
  assert.deepEqual(rounded(recallInterval(sorted(thousand, attack), 0.01)), [0.3906, 0.8743])
})

test('the intervals hold the true value at least as often as they say', () => {
  const random = mulberry32(5)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const draw = (count: number, mean: number) => Array.from({ length: count }, () => normal() + mean)
  // Attacks lie 3 above: the area is Phi(3 / sqrt 2), the recall at 1 % is Phi(3 - 2.3263).
  const [area, recall] = [0.98305, 0.74979]
  const rounds = 400
  let [areas, recalls] = [0, 0]
  const holds = (interval: Interval, value: number) => interval[0] <= value && value <= interval[1]
  for (let round = 0; round < rounds; round++) {
    const both = sorted(draw(400, 0), draw(150, 3))
    if (holds(areaInterval(both, areaUnderCurve(both)!)!, area)) areas += 1
    if (holds(recallInterval(both, 0.01)!, recall)) recalls += 1
  }
  assert.ok(areas / rounds > 0.92 && areas / rounds < 0.99, `areas ${areas}`)
  assert.ok(recalls / rounds >= 0.95, `recalls ${recalls}`)
})
