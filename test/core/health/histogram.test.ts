import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  BINS,
  binOf,
  countOver,
  medianOf,
  PROMISED_MEDIAN,
  promisedInBin,
  promisedShare,
  total,
} from '../../../src/core/health/histogram.ts'
import { toScale } from '../../../src/core/model/calibrate.ts'

const bins = [
  { score: -1, bin: 0 },
  { score: 0, bin: 0 },
  { score: 0.25, bin: 0 },
  { score: 0.26, bin: 1 },
  { score: 5, bin: 19 },
  { score: 5.01, bin: 20 },
  { score: 7, bin: 27 },
  { score: 7.01, bin: 28 },
  { score: 9.75, bin: 38 },
  { score: 9.76, bin: 39 },
  { score: 10, bin: 39 },
  { score: 11, bin: 39 },
]
for (const { score, bin } of bins) test(`a score of ${score} falls into bin ${bin}`, () => assert.equal(binOf(score), bin))

const histogramOf = (scores: readonly number[]) => {
  const counts = Array.from({ length: BINS }, () => 0)
  for (const score of scores) counts[binOf(score)]!++
  return counts
}
const someScores = fc.array(
  fc.integer({ min: 0, max: 1000 }).map(score => score / 100),
  { maxLength: 300 },
)

test('a histogram counts every score once, and above each threshold just what is above it', () => {
  fc.assert(
    fc.property(someScores, scores => {
      const histogram = histogramOf(scores)
      assert.equal(total(histogram), scores.length)
      for (const over of [0.25, 5, 6, 7, 8]) assert.equal(countOver(histogram, over), scores.filter(score => score > over).length)
    }),
  )
})

test('the median is as exact as a bin', () => {
  fc.assert(
    fc.property(someScores, scores => {
      const median = medianOf(histogramOf(scores))
      if (scores.length === 0) return assert.equal(median, undefined)
      const sorted = scores.toSorted((a, b) => a - b)
      const [low, high] = [sorted[Math.ceil(scores.length / 2) - 1]!, sorted[Math.floor(scores.length / 2)]!]
      return assert.ok(median! >= low - 0.25 && median! <= high + 0.25, `${median} of ${sorted}`)
    }),
  )
})

test('what is promised is the scale of the calibration, read backwards', () => {
  for (const score of [0.1, 1, 2.5, 4.99, 5, 5.01, 6, 7, 8, 9.9]) assert.equal(toScale(-Math.log10(promisedShare(score))), score)
  for (const [score, share] of [
    [5, 0.01],
    [6, 0.0022],
    [7, 0.00046],
    [8, 0.0001],
  ] as const)
    assert.ok(Math.abs(promisedShare(score) / share - 1) < 0.03)
  assert.equal(promisedShare(PROMISED_MEDIAN).toFixed(6), '0.500000')
  assert.equal(PROMISED_MEDIAN.toFixed(2), '0.75')
  const all = Array.from({ length: BINS }, (_, bin) => promisedInBin(bin)).reduce((sum, share) => sum + share)
  assert.ok(Math.abs(all - 1) < 1e-12)
})
