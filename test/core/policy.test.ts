import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mulberry32 } from '../../src/core/model/random.ts'
import { isThreat, judge, type Policy, startsBlock } from '../../src/core/policy.ts'
import { parseSettings } from '../../src/core/settings.ts'

const parsed = parseSettings([])
assert.ok(parsed.ok)
const policy: Policy = parsed.value
const WATCH = { action: 'watch' }
const block = (reason: string) => ({ action: 'block', reason })

const threats = [
  { name: 'a score of 5 is no threat', score: 5, intercepted: false, expected: false },
  { name: 'a score above 5 is one', score: 5.01, intercepted: false, expected: true },
  { name: 'a denied request below 3.5 is no threat', score: 3.49, intercepted: true, expected: false },
  { name: 'a denied request at 3.5 is one', score: 3.5, intercepted: true, expected: true },
  { name: 'a passed request at 3.5 is none', score: 3.5, intercepted: false, expected: false },
  {
    name: 'every denied request is one at intercepted_score 0',
    score: 0,
    intercepted: true,
    settings: { interceptedScore: 0 },
    expected: true,
  },
  {
    name: 'no denied request is one at intercepted_score 11',
    score: 4.9,
    intercepted: true,
    settings: { interceptedScore: 11 },
    expected: false,
  },
]
for (const { name, score, intercepted, settings, expected } of threats) {
  test(`${name}`, () => assert.equal(isThreat({ score, intercepted }, { ...policy, ...settings }), expected))
}

const decisions = [
  { name: 'watches a single threat of score 8', score: 8, threats: 1, expected: WATCH },
  { name: 'blocks a single threat above 8', score: 8.01, threats: 1, expected: block('high-score') },
  { name: 'watches the fifth threat at 6.1', score: 6.1, threats: 5, expected: WATCH },
  { name: 'blocks the sixth threat at 6.1', score: 6.1, threats: 6, expected: block('repeated') },
  { name: 'watches the sixth threat at 6', score: 6, threats: 6, expected: WATCH },
  { name: 'watches the tenth threat at 5.5', score: 5.5, threats: 10, expected: WATCH },
  { name: 'blocks the eleventh threat at 5.5', score: 5.5, threats: 11, expected: block('too-many') },
  { name: 'watches a busy address with few threats', score: 9, threats: 10, events: 201, expected: WATCH },
  { name: 'blocks at 200 events, which is not busy yet', score: 9, threats: 9, events: 200, expected: block('high-score') },
  { name: 'blocks a busy address at just the share', score: 5.5, threats: 15, events: 300, expected: block('too-many') },
  { name: 'watches a busy address just below the share', score: 5.5, threats: 14, events: 300, expected: WATCH },
  {
    name: 'blocks a busy address for what the WAF denied',
    score: 5.5,
    threats: 12,
    denied: 11,
    events: 100_000,
    intercepted: true,
    expected: block('too-many'),
  },
  {
    name: 'counts of a busy address only what the WAF denied',
    score: 5.5,
    threats: 40,
    denied: 10,
    events: 100_000,
    intercepted: true,
    expected: WATCH,
  },
  {
    name: 'blocks a busy address at once for a denied request above 8',
    score: 8.5,
    threats: 1,
    denied: 1,
    events: 100_000,
    intercepted: true,
    expected: block('high-score'),
  },
]
for (const { name, score, threats: count, denied = 0, events = count, intercepted = false, expected } of decisions) {
  test(`judge ${name}`, () => assert.deepEqual(judge({ score, intercepted }, { events, threats: count, denied }, policy), expected))
}

test('an event as old as block_time may start a block, an older one may not', () => {
  assert.equal(startsBlock(1000, 1000 + policy.blockTime, policy), true)
  assert.equal(startsBlock(1000, 1001 + policy.blockTime, policy), false)
})

// The scale means: shares of 1, 0.22, 0.046 and 0.01 % of benign requests lie above 5, 6, 7 and 8.
function benignScore(random: () => number): number {
  const lp = -Math.log10(1 - random())
  return Math.min(10, lp <= 2 ? 2.5 * lp : 5 + 1.5 * (lp - 2))
}

test('an innocent busy address with 5,000 requests a day is never blocked in 1,000 runs', () => {
  const day = 24 * 3600
  let blocked = 0
  for (let run = 0; run < 1000; run++) {
    const random = mulberry32(run)
    // The day before is in the window when the counted day begins: a busy address is busy every day.
    const times: number[] = []
    const threatTimes: number[] = []
    let first = 0
    for (let index = 0; index < 10_000; index++) {
      const at = (index * day) / 5000
      times.push(at)
      const evidence = { score: benignScore(random), intercepted: false }
      if (!isThreat(evidence, policy)) continue
      threatTimes.push(at)
      while (times[first]! <= at - day) first++
      const counts = { events: times.length - first, threats: threatTimes.filter(time => time > at - day).length, denied: 0 }
      if (index >= 5000 && judge(evidence, counts, policy).action === 'block') blocked++
    }
  }
  assert.equal(blocked, 0)
})
