import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { blockLength } from '../../src/core/escalate.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const policy = { blockTime: HOUR, blockTimeFactor: 2, blockTimeMax: 7 * DAY }
const NEVER = Number.POSITIVE_INFINITY

const cases = [
  { name: 'the first lasts block_time', step: 1, expected: HOUR },
  { name: 'the second twice as long', step: 2, expected: 2 * HOUR },
  { name: 'the eighth is the last below the most', step: 8, expected: 128 * HOUR },
  { name: 'the ninth lasts the most', step: 9, expected: 7 * DAY },
  { name: 'the ten thousandth too', step: 10_000, expected: 7 * DAY },
  { name: 'a factor of 1 never grows', step: 50, set: { blockTimeFactor: 1 }, expected: HOUR },
  { name: 'a factor may be broken', step: 2, set: { blockTimeFactor: 1.5 }, expected: 1.5 * HOUR },
  { name: 'without a most it grows on', step: 11, set: { blockTimeMax: NEVER }, expected: 1024 * HOUR },
  { name: 'without a most, what would outlast the calendar is for ever', step: 40, set: { blockTimeMax: NEVER }, expected: NEVER },
  { name: 'without a most it becomes for ever', step: 10_000, set: { blockTimeMax: NEVER }, expected: NEVER },
  { name: 'for ever stays for ever', step: 1, set: { blockTime: NEVER }, expected: NEVER },
  { name: 'a most below block_time does not shorten it', step: 3, set: { blockTime: 30 * DAY }, expected: 30 * DAY },
]
for (const { name, step, set, expected } of cases)
  test(`of repeated blocks ${name}`, () => assert.equal(blockLength(step, { ...policy, ...set }), expected))

test('no further block is shorter than the one before, shorter than block_time, or longer than the most', () => {
  const length = fc.integer({ min: 1000, max: 100 * DAY })
  fc.assert(
    fc.property(
      length,
      length,
      fc.double({ min: 1, max: 100, noNaN: true }),
      fc.integer({ min: 1, max: 5000 }),
      (blockTime, blockTimeMax, factor, step) => {
        const escalation = { blockTime, blockTimeMax, blockTimeFactor: factor }
        const [now, next] = [blockLength(step, escalation), blockLength(step + 1, escalation)]
        assert.ok(now >= blockTime && next >= now && next <= Math.max(blockTime, blockTimeMax))
      },
    ),
  )
})
