import assert from 'node:assert/strict'
import { test } from 'node:test'
import { progressLine } from '../../../src/core/training/progress-line.ts'
import { createTally } from '../../../src/core/training/tally.ts'

test('problems are told once a kind, most frequent first, with the place of the first', () => {
  const tally = createTally()
  for (let line = 1; line <= 5; line++)
    tally.add({ problem: line === 2 ? 'is no JSON' : 'torn \x1b[2J', file: 'a\n.log', where: `line ${line}` })
  assert.equal(tally.total(), 5)
  assert.deepEqual(tally.lines(), [
    'left out 4: torn \\x1b[2J (first at a\\x0a.log, line 1)',
    'left out 1: is no JSON (first at a\\x0a.log, line 2)',
  ])
})

test('endless kinds of problem are kept to twenty and a rest', () => {
  const tally = createTally()
  for (let line = 1; line <= 1000; line++) tally.add({ problem: `problem ${line}`, file: 'a', where: 'line 1' })
  assert.equal(tally.lines().length, 21)
  assert.equal(tally.lines().at(-1), 'left out 980: other problems')
})

const HALF = { label: 'reading', bytes: 5e8, totalBytes: 1e9, requests: 500_000, elapsedSeconds: 10 }
for (const { name, progress = {}, columns = 120, expected } of [
  { name: 'half', expected: 'reading [############............]  50 %, 500.0 MB of 1.0 GB, 500,000 requests, 50,000/s, 0:10 left' },
  {
    name: 'the beginning',
    progress: { bytes: 0, requests: 0, elapsedSeconds: 0 },
    expected: `reading [${'.'.repeat(24)}]   0 %, 0 B of 1.0 GB, 0 requests, 0/s`,
  },
  {
    name: 'hours',
    progress: { bytes: 1e6 },
    expected: `reading [${'.'.repeat(24)}]   0 %, 1.0 MB of 1.0 GB, 500,000 requests, 50,000/s, 2:46:30 left`,
  },
  {
    name: 'the end',
    progress: { bytes: 2e9 },
    expected: `reading [${'#'.repeat(24)}] 100 %, 2.0 GB of 1.0 GB, 500,000 requests, 50,000/s, 0:00 left`,
  },
  {
    name: 'empty files',
    progress: { bytes: 0, totalBytes: 0, requests: 0 },
    expected: `reading [${'#'.repeat(24)}] 100 %, 0 B of 0 B, 0 requests, 0/s, 0:00 left`,
  },
  { name: 'a narrow terminal', columns: 63, expected: 'reading [############............]  50 %, 500.0 MB of 1.0 GB' },
  { name: 'a terminal of nothing', columns: 5, expected: 'readi' },
]) {
  test(`progress is one line: ${name}`, () => assert.equal(progressLine({ ...HALF, ...progress }, columns), expected))
}
