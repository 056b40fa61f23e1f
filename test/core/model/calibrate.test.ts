import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { calibrate, KNOTS, surprisal, toScale } from '../../../src/core/model/calibrate.ts'
import { mulberry32 } from '../../../src/core/model/random.ts'

/** Raw scores with an exponential tail, as forests give them. */
function rawScores(count: number, seed: number): number[] {
  const random = mulberry32(seed)
  return Array.from({ length: count }, () => 0.28 - 0.02 * Math.log(1 - random()))
}

const trained = calibrate(rawScores(20_000, 1))
const unseen = rawScores(200_000, 2)

// The shares that the scores 5, 6, 7 and 8 promise; how far chance may lead away from them.
for (const { score, share, factor } of [
  { score: 5, share: 0.01, factor: 1.3 },
  { score: 6, share: 0.0022, factor: 1.5 },
  { score: 7, share: 0.00046, factor: 1.8 },
  { score: 8, share: 0.0001, factor: 2.5 },
]) {
  test(`${share * 100} % of benign requests that were not trained on reach ${score}`, () => {
    const found = unseen.filter(raw => toScale(surprisal(trained, raw)) >= score).length / unseen.length
    assert.ok(found > share / factor && found < share * factor, `${found * 100} %`)
  })
}

for (const { lp, expected } of [
  { lp: -1, expected: 0 },
  { lp: 0, expected: 0 },
  { lp: 1, expected: 2.5 },
  { lp: 1.999, expected: 5 },
  { lp: 2, expected: 5 },
  { lp: -Math.log10(0.0022), expected: 5.99 },
  { lp: -Math.log10(0.00046), expected: 7.01 },
  { lp: 4, expected: 8 },
  { lp: 5.4, expected: 10 },
  { lp: Number.POSITIVE_INFINITY, expected: 10 },
]) {
  test(`a surprisal of ${lp.toFixed(3)} is ${expected} on the scale`, () => assert.equal(toScale(lp), expected))
}

test('a higher raw score is never a lower score', () => {
  const scores = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 10, maxLength: 60 })
  const probes = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 60 })
  const check = (benign: number[], raw: number[]) => {
    const fitted = calibrate(benign)
    const placed = [...raw, ...benign, ...fitted.raw].sort((a, b) => a - b).map(value => toScale(surprisal(fitted, value)))
    for (let index = 1; index < placed.length; index++) assert.ok(placed[index]! >= placed[index - 1]!)
    assert.ok(placed.every(score => score >= 0 && score <= 10))
  }
  fc.assert(fc.property(scores, probes, check))
})

test('the scale has no jump where the tail begins', () => {
  const start = trained.raw[KNOTS - 1]!
  assert.ok(Math.abs(surprisal(trained, start) - surprisal(trained, start - 1e-9)) < 1e-3)
  assert.ok(Math.abs(surprisal(trained, start + 1e-9) - surprisal(trained, start)) < 1e-3)
})

test('a score that many requests share is no rarer than all of them together', () => {
  const shared = (share: number, low: number, high: number) =>
    calibrate(Array.from({ length: 1000 }, (_, index) => (index < share * 1000 ? high : low)))
  for (const share of [0.03, 0.1, 0.5, 0.9]) {
    const lp = surprisal(shared(share, 0.2, 0.3), 0.3)
    assert.ok(lp <= -Math.log10(share) + 0.02 && lp >= -Math.log10(share) - 0.1, `${share}: ${lp}`)
  }
  assert.equal(surprisal(shared(1, 0.2, 0.3), 0.3), 0)
})

test('the least difference that is strange can be given, in the unit of the scores', () => {
  const [fine, coarse] = [calibrate(Array(50).fill(2), 0.01), calibrate(Array(50).fill(2), 0.5)]
  assert.ok(toScale(surprisal(fine, 2.2)) === 10 && toScale(surprisal(coarse, 2.2)) < 5)
})

test('benign requests that are all alike: their score is no threat, one as far off as forests differ neither, far off it is', () => {
  const fitted = calibrate(new Array(10).fill(0.3))
  for (const { raw, low, high } of [
    { raw: 0.3, low: 0, high: 5 },
    { raw: 0.3 + 1e-9, low: 0, high: 0.1 },
    { raw: 0.305, low: 1, high: 5 },
    { raw: 0.4, low: 10, high: 10 },
  ]) {
    const score = toScale(surprisal(fitted, raw))
    assert.ok(score >= low && score <= high, `${raw}: ${score}`)
  }
})
