import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createSeenValues } from '../../../../src/core/model/profile/seen-values.ts'

test('remembers what a map remembers', () => {
  const key = fc.oneof(fc.nat(3000), fc.maxSafeNat())
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.integer({ min: 1, max: 31 })), { maxLength: 4000, size: 'max' }), pairs => {
      const seen = createSeenValues()
      const map = new Map<number, number>()
      for (const [at, folds] of pairs) {
        assert.equal(seen.get(at), map.get(at) ?? 0)
        seen.set(at, folds)
        map.set(at, folds)
      }
      assert.equal(seen.size(), map.size)
      for (const [at, folds] of map) assert.equal(seen.get(at), folds)
      seen.clear()
      assert.deepEqual([seen.size(), seen.get(pairs[0]?.[0] ?? 0)], [0, 0])
    }),
    { numRuns: 30 },
  )
})
