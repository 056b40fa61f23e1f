import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { areaUnderCurve, averagePrecision, countAbove, shareAbove, sortScores, thresholdAt } from '../../../src/core/evaluation/curve.ts'

const sorted = (benign: readonly number[], attack: readonly number[]) => ({
  benign: sortScores(Float64Array.from(benign)),
  attack: sortScores(Float64Array.from(attack)),
})

for (const { name, benign, attack, area, precision } of [
  { name: 'apart', benign: [1, 2, 3], attack: [4, 5], area: 1, precision: 1 },
  { name: 'the wrong way round', benign: [4, 5], attack: [1, 2], area: 0, precision: (0.5 * 1) / 3 + (0.5 * 2) / 4 },
  { name: 'all the same', benign: [1, 1, 1], attack: [1, 1], area: 0.5, precision: 2 / 5 },
  // 2 is above one of three and level with another, 4 above all: (1.5 + 3) / 6.
  { name: 'mixed, with a tie', benign: [3, 1, 2], attack: [4, 2], area: 0.75, precision: 0.5 * 1 + (0.5 * 2) / 4 },
  { name: 'one of each', benign: [0], attack: [0], area: 0.5, precision: 0.5 },
  {
    name: 'a score that is no number, which is the lowest',
    benign: [Number.NaN, 1],
    attack: [2, Number.NaN],
    area: 0.625,
    precision: 0.5 + (0.5 * 2) / 4,
  },
  { name: 'no benign', benign: [], attack: [1], area: undefined, precision: 1 },
  { name: 'no attack', benign: [1], attack: [], area: undefined, precision: undefined },
]) {
  test(`the area and the average precision of ${name}`, () => {
    assert.equal(areaUnderCurve(sorted(benign, attack)), area)
    assert.equal(averagePrecision(sorted(benign, attack)), precision)
  })
}

const hundred = Array.from({ length: 100 }, (_, score) => score)
for (const { name, benign, share, recall } of [
  { name: 'one of a hundred', benign: hundred, share: 0.01, recall: 0.5 },
  { name: 'none where 0.1 % is less than one', benign: hundred, share: 0.001, recall: 0.25 },
  { name: 'ties are all or none', benign: [...hundred.slice(0, 97), 98, 98, 98], share: 0.02, recall: 0.5 },
  { name: 'half', benign: hundred, share: 0.5, recall: 0.75 },
  { name: 'a share that rounding makes too small', benign: hundred, share: 0.29, recall: 0.75 },
  { name: 'everything', benign: hundred, share: 1, recall: 1 },
  { name: 'nobody', benign: [], share: 0.01, recall: undefined },
]) {
  test(`the recall at a share of false positives: ${name}`, () => {
    const { benign: scores, attack } = sorted(benign, [0, 80, 99, 100])
    const threshold = thresholdAt(scores, share)
    assert.equal(threshold === undefined ? undefined : shareAbove(attack, threshold), recall)
  })
}

const scores = fc.array(fc.oneof(fc.integer({ min: -5, max: 5 }), fc.double({ noNaN: true, noDefaultInfinity: true })), {
  minLength: 1,
  maxLength: 60,
})

test('the figures are what the pairs and thresholds say one by one', () => {
  fc.assert(
    fc.property(scores, scores, (benign, attack) => {
      const both = sorted(benign, attack)
      const pairs = attack.flatMap(a => benign.map(b => (a > b ? 1 : a === b ? 0.5 : 0)))
      const mean = pairs.reduce<number>((sum, pair) => sum + pair, 0) / pairs.length
      assert.ok(Math.abs(areaUnderCurve(both)! - mean) < 1e-9)
      const precisions = attack.map(limit => {
        const found = attack.filter(score => score >= limit).length
        return found / (found + benign.filter(score => score >= limit).length)
      })
      assert.ok(Math.abs(averagePrecision(both)! - precisions.reduce((sum, value) => sum + value, 0) / attack.length) < 1e-9)
    }),
  )
})

test('the area does not change under a rising map, and turns round with its classes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1 }),
      fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1 }),
      (benign, attack) => {
        const rising = (values: readonly number[]) => values.map(value => Math.exp(value) + 3)
        const area = areaUnderCurve(sorted(benign, attack))!
        assert.ok(Math.abs(area - areaUnderCurve(sorted(rising(benign), rising(attack)))!) < 1e-12)
        assert.ok(Math.abs(area + areaUnderCurve(sorted(attack, benign))! - 1) < 1e-12)
      },
    ),
  )
})

test('no threshold takes more benign requests than it may, and a lower one always would', () => {
  fc.assert(
    fc.property(scores, fc.double({ min: 0.0001, max: 0.99, noNaN: true }), (benign, share) => {
      const list = sortScores(Float64Array.from(benign))
      const threshold = thresholdAt(list, share)!
      assert.ok(countAbove(list, threshold) <= share * list.length + 1e-6)
      assert.ok(list.filter(score => score >= threshold).length > share * list.length - 1e-6)
    }),
  )
})
