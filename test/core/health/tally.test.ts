import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyTally, type Judged, riskOf, type Tally, tallyEvents } from '../../../src/core/health/tally.ts'

const scores = { highScore: 7, threatScore: 5 }

for (const { score, risk } of [
  { score: 7.01, risk: 'high' },
  { score: 7, risk: 'medium' },
  { score: 5.01, risk: 'medium' },
  { score: 5, risk: 'low' },
  { score: 3, risk: 'low' },
])
  test(`a threat of ${score} is of ${risk} risk`, () => assert.equal(riskOf(score, scores), risk))

const match = (id: string) => ({ id, message: '', data: '', severity: '' })
const event = (more: Partial<Judged['event']> = {}): Judged['event'] => ({
  matches: [],
  intercepted: false,
  loggedScore: undefined,
  ...more,
})
const judged = (more: Partial<Judged> = {}): Judged => ({
  at: 3_600_000,
  event: event(),
  ownScore: 1,
  score: 1,
  threat: false,
  trusted: true,
  ...more,
})

const cases: { name: string; given: Judged; counts: Partial<Tally>; bin?: { bin: number; unflagged: number; ordinary: number } }[] = [
  { name: 'an ordinary event', given: judged(), counts: {}, bin: { bin: 3, unflagged: 1, ordinary: 1 } },
  {
    name: 'a threat of 7',
    given: judged({ score: 7, threat: true }),
    counts: { threats: 1, medium: 1 },
    bin: { bin: 3, unflagged: 1, ordinary: 0 },
  },
  {
    name: 'a high score that is no threat (an allowed address)',
    given: judged({ score: 9, ownScore: 9 }),
    counts: {},
    bin: { bin: 35, unflagged: 1, ordinary: 1 },
  },
  {
    name: 'a denied event at the threshold',
    given: judged({ event: event({ intercepted: true }), ownScore: 5 }),
    counts: { denied: 1, deniedLow: 1 },
    bin: { bin: 19, unflagged: 0, ordinary: 0 },
  },
  {
    name: 'a denied event above it',
    given: judged({ event: event({ intercepted: true }), ownScore: 5.01 }),
    counts: { denied: 1 },
    bin: { bin: 20, unflagged: 0, ordinary: 0 },
  },
  {
    name: 'a denied event without a request',
    given: judged({ event: event({ intercepted: true }), ownScore: undefined }),
    counts: { denied: 1 },
  },
  {
    name: 'a rule of the WAF',
    given: judged({ event: event({ matches: [match('942100')] }) }),
    counts: {},
    bin: { bin: 3, unflagged: 0, ordinary: 0 },
  },
  {
    name: 'a rule that only writes the score down',
    given: judged({ event: event({ matches: [match('100005')] }) }),
    counts: {},
    bin: { bin: 3, unflagged: 1, ordinary: 1 },
  },
  { name: 'what a client may have forged', given: judged({ trusted: false }), counts: {}, bin: { bin: 3, unflagged: 0, ordinary: 0 } },
  {
    name: 'an inline score 2 points off',
    given: judged({ event: event({ loggedScore: 3 }) }),
    counts: { compared: 1 },
    bin: { bin: 3, unflagged: 1, ordinary: 1 },
  },
  {
    name: 'an inline score further off',
    given: judged({ event: event({ loggedScore: 3.01 }) }),
    counts: { compared: 1, disagreeing: 1 },
    bin: { bin: 3, unflagged: 1, ordinary: 1 },
  },
]
for (const { name, given, counts, bin } of cases)
  test(`${name} is counted as it should be`, () => {
    const { hours, bins } = tallyEvents([given], scores)
    assert.deepEqual(hours, [{ hour: 1, ...emptyTally(), events: 1, ...counts }])
    assert.deepEqual(bins, bin === undefined ? [] : [{ hour: 1, events: 1, ...bin }])
  })
