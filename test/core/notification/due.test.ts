import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backoff, isLate, nextStep, type Progress, readRetryAfter, type Waiting } from '../../../src/core/notification/due.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const NOW = 1_000 * HOUR
const FRESH: Progress = { sent: {}, digests: {}, failing: {}, pausedUntil: 0 }

const waiting = (text: string): Waiting[] => text.split(' ').map(name => ({ name, kind: name.replace(/\d+$/, '') }))
const times = (count: number, ago: number) => Array.from({ length: count }, () => NOW - ago)

const cases: { name: string; waiting: string; progress?: Partial<Progress>; rate?: number; expected: unknown }[] = [
  { name: 'sends the oldest', waiting: 'block1 block2', expected: { send: ['block1'] } },
  { name: 'sends the oldest of all kinds', waiting: 'repair1 block1', expected: { send: ['repair1'] } },
  { name: 'sends one by one what the rate leaves', waiting: 'block1 block2 block3', rate: 3, expected: { send: ['block1'] } },
  { name: 'sends more than that as one', waiting: 'block1 block2 block3', rate: 2, expected: { send: ['block1', 'block2', 'block3'] } },
  {
    name: 'counts what was sent within the hour',
    waiting: 'block1 block2',
    rate: 3,
    progress: { sent: { block: times(2, 59 * MINUTE) } },
    expected: { send: ['block1', 'block2'] },
  },
  {
    name: 'counts nothing older',
    waiting: 'block1 block2',
    rate: 3,
    progress: { sent: { block: times(2, HOUR) } },
    expected: { send: ['block1'] },
  },
  {
    name: 'waits until the hour of the oldest is over when there is no room',
    waiting: 'block1',
    rate: 2,
    progress: { sent: { block: [NOW - 50 * MINUTE, NOW - 10 * MINUTE] } },
    expected: { until: NOW + 10 * MINUTE },
  },
  {
    name: 'waits for as much room as a rate that was lowered leaves',
    waiting: 'block1',
    rate: 1,
    progress: { sent: { block: [NOW - 50 * MINUTE, NOW - 10 * MINUTE] } },
    expected: { until: NOW + 50 * MINUTE },
  },
  {
    name: 'lets a flood of one kind hold up no other',
    waiting: 'block1 brake1',
    rate: 1,
    progress: { sent: { block: times(1, MINUTE) } },
    expected: { send: ['brake1'] },
  },
  {
    name: 'waits for the next attempt of a kind that failed',
    waiting: 'block1 block2',
    progress: { failing: { block: { attempts: 1, nextAt: NOW + 5 } } },
    expected: { until: NOW + 5 },
  },
  {
    name: 'tries again at that time, and no later message before it',
    waiting: 'block1 block2',
    progress: { failing: { block: { attempts: 1, nextAt: NOW } } },
    expected: { send: ['block1'] },
  },
  {
    name: 'lets a kind that failed hold up no other',
    waiting: 'block1 repair1',
    progress: { failing: { block: { attempts: 1, nextAt: NOW + 5 } } },
    expected: { send: ['repair1'] },
  },
  {
    name: 'leaves the receiver alone as long as it asked',
    waiting: 'block1 repair1',
    progress: { pausedUntil: NOW + HOUR },
    expected: { until: NOW + HOUR },
  },
  {
    name: 'tries the same again that it began to send as one',
    waiting: 'block1 block2 block3',
    progress: { digests: { block: { id: 'd', names: ['block1', 'block2'] } } },
    expected: { send: ['block1', 'block2'], digest: 'd' },
  },
  {
    name: 'forgets what it began when all of it is gone',
    waiting: 'block3',
    progress: { digests: { block: { id: 'd', names: ['block1', 'block2'] } } },
    expected: { send: ['block3'] },
  },
  {
    name: 'is not held up when the clock was set back',
    waiting: 'block1',
    rate: 1,
    progress: {
      sent: { block: [NOW + 1000 * HOUR] },
      failing: { block: { attempts: 1, nextAt: NOW + 1000 * HOUR } },
      pausedUntil: NOW + 25 * HOUR,
    },
    expected: { send: ['block1'] },
  },
]
for (const { name, waiting: text, progress, rate = 20, expected } of cases) {
  test(`nextStep ${name}`, () => {
    const step = nextStep(waiting(text), { ...FRESH, ...progress }, { rate, now: NOW })
    const digest = step.action === 'send' && step.digest !== undefined ? { digest: step.digest.id } : {}
    assert.deepEqual(step.action === 'send' ? { send: step.names, ...digest } : { until: step.until }, expected)
  })
}

test('with nothing to do it waits for whatever comes', () => {
  assert.deepEqual(nextStep([], FRESH, { rate: 1, now: NOW }), { action: 'wait', until: Number.POSITIVE_INFINITY })
})

test('no more than 1,000 are summed up in one', () => {
  const many = Array.from({ length: 1500 }, (_, index) => ({ name: `block${index}`, kind: 'block' }))
  const step = nextStep(many, FRESH, { rate: 20, now: NOW })
  assert.equal(step.action === 'send' && step.names.length, 1000)
})

test('backoff doubles from 5 s to an hour, and chance takes up to half of it away', () => {
  assert.deepEqual(
    [1, 2, 3, 10, 11, 1000].map(attempts => backoff(attempts, 1) / 1000),
    [5, 10, 20, 2560, 3600, 3600],
  )
  assert.deepEqual(
    [1, 1000].map(attempts => backoff(attempts, 0) / 1000),
    [2.5, 1800],
  )
})

const headers: [string | undefined, number | undefined][] = [
  [undefined, undefined],
  ['', undefined],
  ['soon', undefined],
  ['0', 0],
  ['120', 120_000],
  ['999999999', 86_400_000],
  [new Date(NOW + 30_000).toUTCString(), 30_000],
  [new Date(NOW - 30_000).toUTCString(), 0],
  ['-5', undefined],
  ['2026-11-27', undefined],
]
for (const [header, expected] of headers) {
  test(`Retry-After: ${header}`, () => assert.equal(readRetryAfter(header, NOW), expected))
}

test('what is older than a day is late', () => {
  assert.deepEqual([isLate(NOW - 24 * HOUR, NOW), isLate(NOW - 24 * HOUR - 1, NOW), isLate(NOW + HOUR, NOW)], [false, true, false])
})
