import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PRIOR_DEPTH, PRIOR_LEAVES, PRIOR_QUESTIONS, type Prior, priorScore } from '../../../src/core/model/prior.ts'

const WIDTH = 26

/** Walks down each tree, as `Prior` says. */
function walk({ features, thresholds, leaves }: Prior, row: Float64Array): number {
  let sum = 0
  for (let tree = 0; tree < leaves.length / PRIOR_LEAVES; tree++) {
    let node = 0
    for (let level = 0; level < PRIOR_DEPTH; level++) {
      const question = tree * PRIOR_QUESTIONS + node
      node = 2 * node + (row[features[question]!]! > thresholds[question]! ? 2 : 1)
    }
    sum += leaves[tree * PRIOR_LEAVES + node - PRIOR_QUESTIONS]!
  }
  return sum
}

/** Few distinct numbers, so that values often lie at a threshold, and what a walk takes for neither. */
const number = fc.oneof(fc.integer({ min: -2, max: 3 }), fc.double(), fc.constantFrom(Number.MAX_VALUE, Number.NaN, -0))
const anyPrior = fc.integer({ min: 0, max: 30 }).chain(trees => {
  const list = <T>(of: fc.Arbitrary<T>, each: number) => fc.array(of, { minLength: trees * each, maxLength: trees * each })
  return fc.record({
    features: list(fc.nat(WIDTH - 1), PRIOR_QUESTIONS).map(features => Uint8Array.from(features)),
    thresholds: list(
      number.filter(value => !Number.isNaN(value)),
      PRIOR_QUESTIONS,
    ).map(thresholds => Float64Array.from(thresholds)),
    leaves: list(fc.double({ noNaN: true, noDefaultInfinity: true }), PRIOR_LEAVES).map(leaves => Float64Array.from(leaves)),
  })
})
const anyRow = fc.array(number, { minLength: WIDTH, maxLength: WIDTH }).map(row => Float64Array.from(row))

test('the score is what a walk down each tree gives, to the last bit', () => {
  fc.assert(
    fc.property(anyPrior, fc.array(anyRow, { minLength: 1, maxLength: 3 }), (prior, rows) => {
      // One after the other by the same prior: nothing of a row may stay behind.
      for (const row of rows) assert.equal(priorScore(prior, row), walk(prior, row))
    }),
  )
})
