import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BINS } from '../../../src/core/health/histogram.ts'
import { compareShares, judgeModel, measureDrift } from '../../../src/core/health/judge.ts'
import { emptyTally, type ModelHour, sumTallies } from '../../../src/core/health/tally.ts'
import { advice } from '../../../src/core/report/advice.ts'
import { bucketHours } from '../../../src/core/report/buckets.ts'
import { buildReport, type ReportInput } from '../../../src/core/report/build.ts'
import { escapeHtml, reportHtml } from '../../../src/core/report/html.ts'
import { reportText } from '../../../src/core/report/text.ts'
import { parseSettings } from '../../../src/core/settings.ts'

const parsed = parseSettings([])
assert.ok(parsed.ok)
const limits = parsed.value
const NOW = Date.UTC(2026, 10, 25, 13, 20)
const LAST = Math.floor(NOW / 3_600_000)
const flat = () => Array.from({ length: BINS }, () => 0)

const hour = (ago: number, counts: Partial<ModelHour>): ModelHour => ({ hour: LAST - ago, model: 'm', ...emptyTally(), ...counts })

function input(hours: ModelHour[], more: Partial<ReportInput> = {}): ReportInput {
  const tally = sumTallies(hours)
  const histograms = { events: flat(), unflagged: flat(), ordinary: flat() }
  return {
    now: NOW,
    first: LAST - 24,
    hours,
    marked: [],
    health: {
      model: 'm',
      ...judgeModel(tally, limits),
      tally,
      drift: measureDrift(flat(), limits),
      shares: compareShares(flat()),
      histograms,
    },
    trainedAt: NOW - 86_400_000,
    ordinaryOfDay: flat,
    blocks: { byReason: [], standing: 0 },
    offenders: [],
    falsePositives: { marked: 0, marks: 0, requests: 0 },
    limits,
    ...more,
  }
}

test("the report begins with the names of the how-to's monitor, and adds up", () => {
  const report = buildReport(
    input([hour(2, { events: 100, threats: 20, high: 5, medium: 9, denied: 7 }), hour(0, { events: 10, threats: 3, high: 1, denied: 1 })], {
      marked: [
        { hour: LAST - 2, risk: 'high', marks: 2 },
        { hour: LAST - 2, risk: 'low', marks: 1 },
        { hour: LAST, risk: 'medium', marks: 9 },
      ],
      falsePositives: { marked: 12, marks: 12, requests: 10 },
      blocks: {
        byReason: [
          { reason: 'high-score', blocks: 2 },
          { reason: 'manual', blocks: 1 },
        ],
        standing: 1,
      },
    }),
  )
  assert.deepEqual(Object.keys(report).slice(0, 8), [
    'timestamp',
    'total_ml_detections',
    'high_risk_detections',
    'medium_risk_detections',
    'low_risk_detections',
    'blocked_requests',
    'model_status',
    'false_positives_count',
  ])
  assert.deepEqual(
    [
      report.timestamp,
      report.total_ml_detections,
      report.high_risk_detections,
      report.medium_risk_detections,
      report.low_risk_detections,
      report.blocked_requests,
      report.model_status,
      report.false_positives_count,
    ],
    ['2026-11-25T13:20:00.000Z', 20, 4, 9, 7, 8, 'normal', 12],
  )
  assert.equal(report.from, '2026-11-24T13:00:00.000Z')
  assert.deepEqual(report.blocks, { started: 3, by_reason: { 'high-score': 2, manual: 1 }, standing: 1 })
  assert.deepEqual(
    report.hours.map(row => [row.hour, row.requests, row.detections]),
    [
      ['2026-11-25T11:00:00.000Z', 100, 17],
      ['2026-11-25T13:00:00.000Z', 10, 3],
    ],
  )
})

test('every day is judged by itself, on what was detected and not on what was marked later', () => {
  const hours = [hour(30, { events: 200, threats: 100, high: 31 }), hour(1, { events: 200, threats: 100, high: 30 })]
  const { days } = buildReport(input(hours, { first: LAST - 48, marked: [{ hour: LAST - 30, risk: 'high', marks: 31 }] }))
  assert.deepEqual(
    days.map(({ day, detections, high, model_status }) => [day, detections, high, model_status]),
    [
      ['2026-11-24', 69, 0, 'too_sensitive'],
      ['2026-11-25', 100, 30, 'normal'],
    ],
  )
})

test('what the model at work says of denied requests is said of those since it is, not of those of the model before', () => {
  const hours = [
    { ...hour(5, { events: 50, denied: 40, deniedLow: 30 }), model: 'before' },
    hour(0, { events: 9, denied: 2, deniedLow: 1 }),
  ]
  const { health } = input(hours)
  const report = buildReport(input(hours, { health: { ...health, tally: sumTallies(hours.slice(1)) } }))
  assert.deepEqual([report.blocked_requests, report.denied_since_model, report.denied_scored_low], [42, 2, 1])
  assert.match(reportText(report), /denied 42 requests; 1 of the last 2 score 5 or less with our model/)
  assert.match(reportHtml(report), /1 of the last 2 score 5 or less/)
  assert.match(reportText(buildReport(input(hours.slice(1)))), /denied 2 requests; 1 of them score 5 or less/)
})

test('two models of one hour are one hour of the report', () => {
  const { hours, requests } = buildReport(input([hour(0, { events: 1 }), { ...hour(0, { events: 2 }), model: 'n' }]))
  assert.deepEqual([hours.length, requests], [1, 3])
})

const found = {
  requests: 10,
  model_status: 'normal' as const,
  model: { version: 'm', age_seconds: 86_400 },
  drift: { requests: 0, median: null, drift: null, drifted: false, reason: '' },
  shares: compareShares(flat()),
  inline_scores: { compared: 0, disagreeing: 0 },
  denied_scored_low: 3,
}
const advices = [
  { name: 'nothing', found, says: [/^nothing to do$/] },
  { name: 'no request', found: { ...found, requests: 0, model_status: 'too_lenient' as const }, says: [/^no request was seen/] },
  {
    name: 'a model that is too sensitive',
    found: { ...found, model_status: 'too_sensitive' as const },
    says: [/--min-score 7.*false-positive ID/],
  },
  {
    name: 'a model that is too lenient',
    found: { ...found, model_status: 'too_lenient' as const },
    says: [/denied 3 requests that the model finds ordinary/],
  },
  { name: 'drift up', found: { ...found, drift: { ...found.drift, drifted: true, drift: 1 } }, says: [/stranger than in training/] },
  { name: 'drift down', found: { ...found, drift: { ...found.drift, drifted: true, drift: -1 } }, says: [/plainer than in training/] },
  {
    name: 'a broken promise',
    found: { ...found, shares: [{ over: 5, requests: 9, share: 0.09, promised: 0.01, kept: false }] },
    says: [/^9 % of .* above 5, promised are 1 %/],
  },
  { name: '1 of 20 inline scores', found: { ...found, inline_scores: { compared: 20, disagreeing: 1 } }, says: [/nothing/] },
  { name: '2 of 20 inline scores', found: { ...found, inline_scores: { compared: 20, disagreeing: 2 } }, says: [/inline scores differ/] },
  { name: '19 of 19 inline scores', found: { ...found, inline_scores: { compared: 19, disagreeing: 19 } }, says: [/nothing/] },
  { name: 'a model of 30 days', found: { ...found, model: { version: 'm', age_seconds: 30 * 86_400 } }, says: [/nothing/] },
  { name: 'a model of 31 days', found: { ...found, model: { version: 'm', age_seconds: 31 * 86_400 } }, says: [/older than 30 days/] },
  { name: 'the base model', found: { ...found, model: { version: 'base-1', age_seconds: null } }, says: [/the base model scores/] },
]
for (const { name, found, says } of advices)
  test(`about ${name} it is said what to do`, () => {
    const texts = advice(found, limits)
    assert.equal(texts.length, says.length, texts.join('\n'))
    for (const [index, text] of texts.entries()) assert.match(text, says[index]!)
  })

const anyHours = fc.array(
  fc.record({ ago: fc.integer({ min: 0, max: 2000 }), high: fc.nat(50), medium: fc.nat(50), low: fc.nat(50), events: fc.nat(500) }),
  { maxLength: 40 },
)

test('buckets hold just what the hours hold, however long the report', () => {
  fc.assert(
    fc.property(anyHours, fc.integer({ min: 1, max: 100 }), (rows, most) => {
      const hours = rows
        .toSorted((a, b) => b.ago - a.ago)
        .map(({ ago, high, medium, low, events }) => hour(ago, { high, medium, threats: high + medium + low, events }))
      const report = buildReport(input(hours, { first: LAST - 2000 }))
      const { buckets, each } = bucketHours(report, most)
      assert.ok(buckets.length <= most && buckets.length * each >= 1)
      const sum = (name: 'high' | 'medium' | 'low' | 'requests') => buckets.reduce((total, bucket) => total + bucket[name], 0)
      assert.deepEqual(
        [sum('high'), sum('medium'), sum('low'), sum('requests')],
        [report.high_risk_detections, report.medium_risk_detections, report.low_risk_detections, report.requests],
      )
      // Whatever the counts, both forms can be written.
      assert.doesNotMatch(reportHtml(report) + reportText(report), /NaN|undefined|Infinity/)
    }),
    { numRuns: 50 },
  )
})

const HOSTILE = `"><script>alert(1)</script>&'\x1b[31m\u202e`
const hostile = buildReport(
  input([hour(0, { events: 5, threats: 2, high: 1 })], {
    health: { ...input([]).health, model: HOSTILE, reason: HOSTILE },
    offenders: [{ ip: HOSTILE, threats: 2, highest_score: 9, last_at: NOW, blocks: 1 }],
    blocks: { byReason: [{ reason: HOSTILE, blocks: 1 }], standing: 1 },
  }),
)

test('the page is one file: every tag is closed, nothing is fetched, no data becomes markup', () => {
  const page = reportHtml(hostile)
  assert.doesNotMatch(page, /<script|\x1b|\u202e|https?:|src=|href=|url\(|@import/i)
  const open: string[] = []
  for (const [, close, name, empty] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*?(\/?)>/gi)) {
    if (close === '/') assert.equal(open.pop(), name)
    else if (empty !== '/' && !['meta', 'br'].includes(name!)) open.push(name!)
  }
  assert.deepEqual(open, [])
})

test('no data reaches a terminal unescaped', () => {
  assert.doesNotMatch(reportText(hostile), /\x1b|\u202e/)
})

test('escapeHtml leaves no character that means something', () => assert.equal(escapeHtml(`<&"'>`), '&#60;&#38;&#34;&#39;&#62;'))
