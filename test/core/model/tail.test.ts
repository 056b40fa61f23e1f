import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { mulberry32 } from '../../../src/core/model/random.ts'
import { fitTails, tailBits, topBits } from '../../../src/core/model/tail.ts'

/** The definition, without tables: -log2 of the share of rows that have about as much, and more beyond the largest. */
function bitsByCounting(values: readonly number[], x: number): number {
  const atLeast = values.filter(value => value >= x - 0.1).length
  return Math.log2((values.length + 1) / (1 + atLeast))
}

const random = mulberry32(1)
const values = Array.from({ length: 5000 }, () => -3 * Math.log(1 - random()))
const tails = fitTails(values.map(value => Float64Array.of(value, 0)))

test('within what was seen the bits are those of the share that has as much', () => {
  for (const x of [0, 0.5, 1, 3, 8, 12, 20]) {
    const [found, expected] = [tailBits(tails, 0, x), bitsByCounting(values, x)]
    assert.ok(Math.abs(found - expected) < 0.1 + 0.05 * expected, `${x}: ${found}, ${expected}`)
  }
})

test('beyond what was seen the bits grow evenly, by the mean reach of the tail', () => {
  const most = Math.max(...values)
  const [near, middle, far] = [1, 2, 3].map(distance => tailBits(tails, 0, most + distance))
  assert.ok(near! > Math.log2(5000) && Math.abs(far! - middle! - (middle! - near!)) < 1e-9)
  assert.ok(Math.abs(middle! - near! - 1 / tails.reach[0]! / Math.LN2) < 1e-9)
})

test('a value a hair above all that was seen is no rarer than they are', () => {
  const alike = fitTails(Array.from({ length: 400 }, () => Float64Array.of(1.1)))
  assert.ok(tailBits(alike, 0, 1.14) < 0.3)
  assert.ok(tailBits(alike, 0, 1.1 + 0.26) > 8)
})

test('what never was above 0 is strange from the first bit on', () => assert.ok(tailBits(tails, 1, 0) < 0.01 && tailBits(tails, 1, 1) > 12))

test('the three highest count', () => {
  const rows = Array.from({ length: 100 }, () => new Float64Array(5))
  const five = fitTails(rows)
  const one = topBits(five, Float64Array.of(2, 0, 0, 0, 0))
  for (const [row, times] of [
    [[2, 2, 0, 0, 0], 2],
    [[2, 0, 2, 0, 2], 3],
    [[2, 2, 2, 2, 2], 3],
  ] as const)
    assert.ok(Math.abs(topBits(five, Float64Array.from(row)) - times * one) < 0.1)
})

test('more is never less strange, whatever was seen', () => {
  const value = fc.double({ min: 0, max: 1000, noNaN: true })
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 50 }), fc.array(value, { minLength: 2, maxLength: 20 }), (seen, asked) => {
      const fitted = fitTails(seen.map(x => Float64Array.of(x)))
      const bits = asked.toSorted((a, b) => a - b).map(x => tailBits(fitted, 0, x))
      assert.ok(bits.every((found, index) => Number.isFinite(found) && found >= -1e-9 && (index === 0 || found >= bits[index - 1]! - 1e-9)))
    }),
  )
})
