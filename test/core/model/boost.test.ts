import assert from 'node:assert/strict'
import { test } from 'node:test'
import { growPrior } from '../../../src/core/model/boost.ts'
import { priorScore } from '../../../src/core/model/prior.ts'
import { mulberry32 } from '../../../src/core/model/random.ts'

const random = mulberry32(1)
const rows = Array.from({ length: 2000 }, () => Float64Array.from({ length: 4 }, () => random() * 10))
/** A rule of two features that no single one tells. */
const isAttack = (row: Float64Array) => row[1]! > 6 && row[3]! > 4
const attacks = Uint8Array.from(rows, row => Number(isAttack(row)))
const options = { trees: 40, rate: 0.3 }

test('a prior learns a rule of two features', () => {
  const prior = growPrior(rows, attacks, options)
  const fresh = Array.from({ length: 2000 }, () => Float64Array.from({ length: 4 }, () => random() * 10))
  const right = fresh.filter(row => priorScore(prior, row) > 0 === isAttack(row)).length
  assert.ok(right > 1960, String(right))
})

test('the same rows grow the same prior', () => assert.deepEqual(growPrior(rows, attacks, options), growPrior(rows, attacks, options)))

test('rows that cannot be told apart give their odds, and values beyond all that was seen a number', () => {
  const same = Array.from({ length: 100 }, () => Float64Array.of(1, 2))
  const prior = growPrior(
    same,
    Uint8Array.from(same, (_, index) => Number(index < 20)),
    { trees: 60, rate: 0.5 },
  )
  assert.ok(Math.abs(priorScore(prior, same[0]!) - Math.log(20 / 80)) < 0.05)
  assert.ok(Number.isFinite(priorScore(prior, Float64Array.of(1e300, -1e300))))
})
