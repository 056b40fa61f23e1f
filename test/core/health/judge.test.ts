import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BINS, binOf } from '../../../src/core/health/histogram.ts'
import { compareShares, judgeModel, measureDrift } from '../../../src/core/health/judge.ts'
import { parseSettings, type Settings } from '../../../src/core/settings.ts'

const parsed = parseSettings([])
assert.ok(parsed.ok)
const settings = parsed.value

const cases: {
  name: string
  threats: number
  high: number
  deniedLow?: number
  limits?: Partial<Settings>
  expected: string
  says: RegExp
}[] = [
  { name: 'no detection', threats: 0, high: 0, expected: 'normal', says: /too few detections to judge: 0, it takes 100/ },
  { name: '99 detections, all high', threats: 99, high: 99, expected: 'normal', says: /too few detections to judge: 99, it takes 100/ },
  {
    name: '100 detections, 31 high',
    threats: 100,
    high: 31,
    expected: 'too_sensitive',
    says: /^31 of 100 detections \(31 %\) are high, above 7; more than 30 % is too many$/,
  },
  {
    name: '100 detections, 30 high',
    threats: 100,
    high: 30,
    expected: 'normal',
    says: /^30 of 100 detections \(30 %\) are high, above 7$/,
  },
  { name: '100 detections, 5 high', threats: 100, high: 5, deniedLow: 9, expected: 'normal', says: /^5 of 100/ },
  {
    name: '100 detections, 4 high, the WAF denied one that scored low',
    threats: 100,
    high: 4,
    deniedLow: 1,
    expected: 'too_lenient',
    says: /4 %.*fewer than 5 % is few, and the WAF denied 1 that we scored 5 or less/,
  },
  {
    name: '100 detections, 4 high, the WAF denied none that scored low',
    threats: 100,
    high: 4,
    expected: 'normal',
    says: /is few, but the WAF denied nothing that we scored low/,
  },
  {
    name: '10 detections where 10 are enough',
    threats: 10,
    high: 4,
    limits: { healthMinDetections: 10 },
    expected: 'too_sensitive',
    says: /40 %/,
  },
  {
    name: 'a third where half may be high',
    threats: 300,
    high: 100,
    limits: { tooSensitiveShare: 0.5 },
    expected: 'normal',
    says: /33\.3 %/,
  },
  {
    name: 'a third where half must be high',
    threats: 300,
    high: 100,
    deniedLow: 1,
    limits: { tooLenientShare: 0.5, tooSensitiveShare: 0.9 },
    expected: 'too_lenient',
    says: /fewer than 50 %/,
  },
]
for (const { name, threats, high, deniedLow = 0, limits, expected, says } of cases)
  test(`the model with ${name} is ${expected}`, () => {
    const { status, reason } = judgeModel({ threats, high, deniedLow }, { ...settings, ...limits })
    assert.equal(status, expected)
    assert.match(reason, says)
  })

function histogram(counts: Readonly<Record<number, number>>): number[] {
  const found = Array.from({ length: BINS }, () => 0)
  for (const [score, count] of Object.entries(counts)) found[binOf(Number(score))]! += count
  return found
}

const drifts = [
  {
    name: '199 ordinary requests',
    counts: { 3: 199 },
    drifted: false,
    says: /too few requests that the WAF did not flag: 199, it takes 200/,
  },
  { name: 'a median at the limit', counts: { 1.5: 2000 }, limit: 0.63, drifted: false, says: /score above 1\.38, promised is 0\.75$/ },
  { name: 'a median just above the limit', counts: { 1.5: 2000 }, limit: 0.62, drifted: true, says: /they look stranger than in training/ },
  { name: 'a median far above', counts: { 3: 200 }, drifted: true, says: /above 2\.88, .* stranger/ },
  { name: 'the plainest median there is', counts: { 0: 1_000_000 }, drifted: false, says: /above 0\.13/ },
  {
    name: 'a median far above by the base model',
    counts: { 3: 200 },
    model: 'base-3',
    drifted: false,
    says: /above 2\.88; a model of your own/,
  },
  { name: 'a median below, with a narrow limit', counts: { 0: 200 }, limit: 0.5, drifted: true, says: /plainer than in training/ },
]
for (const { name, counts, limit = 0.75, model = '2026-11-27T08-28-59-439Z', drifted, says } of drifts)
  test(`${name} has ${drifted ? '' : 'not '}drifted`, () => {
    const drift = measureDrift(histogram(counts), { driftLimit: limit }, model)
    assert.equal(drift.drifted, drifted)
    assert.match(drift.reason, says)
  })

const kept = [
  { name: 'just what is promised', counts: { 1: 9900, 5.5: 100 }, kept: true },
  { name: 'a little more', counts: { 1: 9750, 5.5: 250 }, kept: true },
  { name: 'far more', counts: { 1: 9600, 5.5: 400 }, kept: false },
  { name: 'far more of too few', counts: { 1: 99, 5.5: 100 }, kept: true },
  { name: 'two of two hundred by chance', counts: { 1: 290, 5.5: 10 }, kept: true },
]
for (const { name, counts, kept: expected } of kept)
  test(`${name} above 5 ${expected ? 'keeps' : 'breaks'} the promise`, () =>
    assert.equal(compareShares(histogram(counts))[0]!.kept, expected))

test('the shares above 5, 6, 7 and 8 stand beside what is promised', () => {
  const shares = compareShares(histogram({ 1: 997, 5.5: 1, 6.5: 1, 9: 1 }))
  assert.deepEqual(
    shares.map(({ over, requests, share }) => [over, requests, share]),
    [
      [5, 3, 0.003],
      [6, 2, 0.002],
      [7, 1, 0.001],
      [8, 1, 0.001],
    ],
  )
  assert.equal(compareShares(histogram({}))[0]!.share, null)
})
