import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDuration } from '../../src/core/duration.ts'

const NEVER = Number.POSITIVE_INFINITY
const cases: [string, number | undefined][] = [
  ['90s', 90_000],
  ['10m', 600_000],
  ['1h', 3_600_000],
  ['7d', 604_800_000],
  ['2w', 1_209_600_000],
  ['0s', 0],
  ['-1', NEVER],
  // The end of anything longer could not be written down as a date.
  ['36525d', 36_525 * 86_400_000],
  ['36526d', undefined],
  ['999999999w', undefined],
  ['1y', undefined],
  ['-5m', undefined],
  ['', undefined],
]
for (const [text, expected] of cases) test(`parseDuration reads ${JSON.stringify(text)}`, () => assert.equal(parseDuration(text), expected))
