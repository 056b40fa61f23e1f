import assert from 'node:assert/strict'
import { test } from 'node:test'
import { laterOf, modesInUse, pluginMode, sumInlineScoring } from '../../src/core/inline-scoring.ts'

const match = (id: string, data = '') => ({ id, message: '', data, severity: '' })
const HOUR = 3_600_000

const rules: [string, string, string, 1 | 2 | 3 | undefined][] = [
  ['mode 1 asks', '9516110', 'ML Score: 9.10', 1],
  ['mode 1 passes a false positive', '9516311', 'ML model status: 1. …', 1],
  ['mode 2 asks', '9516210', 'ML Score: 9.10', 2],
  ['mode 3 adds 5', '9516140', 'ML Score: 7.25', 3],
  ['mode 3 adds 3', '9516150', 'ML Score: 5.00', 3],
  ['mode 3 tells all', '9516160', 'ML Score: 1.00', 3],
  ['mode 3 denies', '9516170', 'ML Score: 7.25', 3],
  ['mode 3 asks for the log', '9516410', 'ML Score: 1.00', 3],
  ['mode 3 has no score for the log', '9516411', 'ML status: down', 3],
  ['no score, denied as the CRS would', '9516330', 'ML status: down. Mode: 1', 1],
  ['no score, told', '9516300', 'ML status: timeout. Mode: 2', 2],
  ['no score, fail 2', '9516340', 'ML status: unready. CRS anomaly score: 5. Mode: 2', 2],
  ['no score, fail 1', '9516341', 'ML status: down. CRS anomaly score: 15. Mode: 1', 1],
  ['no score, wrong settings', '9516330', 'ML status: refused. Mode: 2', 2],
  ['no score, an older plugin that does not tell the mode', '9516330', 'ML status: down', undefined],
  ['a mode that there is not', '9516300', 'ML status: down. Mode: 4', undefined],
  ['something behind the mode', '9516300', 'ML status: down. Mode: 2 Mode: 3', undefined],
  ['something before it', '9516300', 'x ML status: down. Mode: 2', undefined],
  ['rules that modes 1 and 2 share', '9516320', 'ML model status: 0. …', undefined],
  ['a rule of the CRS whose data a client wrote', '942100', 'ML status: down. Mode: 2', undefined],
  ['a rule of the how-to', '100004', 'ML Score: 9.10, Request: /', undefined],
]
for (const [name, id, data, expected] of rules)
  test(`the mode: ${name}`, () => assert.equal(pluginMode([match('942100'), match(id, data)]), expected))

test('what was seen last counts, in whatever order it comes', () => {
  const event = (at: number, id: string, loggedScore?: number) => ({ at, event: { matches: [match(id)], loggedScore } })
  const events = [event(50, '9516210', 9), event(40, '9516140', 7), event(60, '9516210'), event(20, '100004', 8), event(70, '942100')]
  const expected = { modes: { 2: 60, 3: 40 }, scoredAt: 50 }
  assert.deepEqual(sumInlineScoring(events), expected)
  assert.deepEqual(sumInlineScoring([...events].reverse()), expected)
  assert.deepEqual(laterOf(sumInlineScoring(events.slice(0, 2)), sumInlineScoring(events.slice(2))!), expected)
  assert.equal(sumInlineScoring([event(1, '942100')]), undefined)
  assert.deepEqual(sumInlineScoring([event(1, '100004', 8)]), { modes: {}, scoredAt: 1 })
})

test('a mode is in use until another one was seen for an hour', () => {
  const modes = (at: number) => modesInUse({ modes: { 2: 0, 3: at }, scoredAt: undefined }).map(({ mode }) => mode)
  assert.deepEqual(modes(HOUR - 1), [3, 2])
  assert.deepEqual(modes(HOUR), [3])
  assert.deepEqual(modesInUse({ modes: {}, scoredAt: 5 }), [])
})
