import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createTraits } from '../../../src/core/silence/traits.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const ALL = { request: true, match: true, score: true }
type Has = typeof ALL

/** Notes events, five minutes apart: so many with what they have. */
function noted(...runs: [count: number, has: Partial<Has> | ((index: number) => Partial<Has>)][]) {
  const traits = createTraits()
  let at = 0
  for (const [count, has] of runs)
    for (let index = 0; index < count; index++) {
      traits.note(at, { ...ALL, ...(typeof has === 'function' ? has(index) : has) })
      at += 5 * MINUTE
    }
  return traits.lost().map(({ trait, since, events, share }) => [trait, since / (5 * MINUTE), events, Math.round(share * 100)])
}
const none = { match: false }
const of = (share: number) => (index: number) => ({ match: index % 100 < share * 100 })

const cases: [string, ReturnType<typeof noted>, ReturnType<typeof noted>][] = [
  ['all have it', noted([1000, {}]), []],
  ['51 lack it, after 200 that had it', noted([200, {}], [51, none]), [['match', 200, 51, 100]]],
  ['50 are no more than chance', noted([200, {}], [50, none]), []],
  ['199 before are too few to tell', noted([199, {}], [500, none]), []],
  ['nearly all had it', noted([1000, of(0.95)], [60, none]), [['match', 995, 65, 96]]],
  ['most had it, not nearly all', noted([1000, of(0.85)], [500, none]), []],
  ['one that has it again ends it', noted([1000, {}], [200, none], [1, {}]), []],
  ['and it may begin anew', noted([1000, {}], [100, none], [1000, {}], [60, none]), [['match', 2100, 60, 98]]],
  [
    'several at once, the most telling first',
    noted([300, {}], [60, { request: false, score: false }]),
    [
      ['request', 300, 60, 100],
      ['score', 300, 60, 100],
    ],
  ],
  ['what no event ever had', noted([1000, { score: false }]), []],
]
for (const [name, found, expected] of cases) test(`a lost trait: ${name}`, () => assert.deepEqual(found, expected))

test('a scanner that makes hundreds within less than three hours is no change of the log', () => {
  const traits = createTraits()
  for (let index = 0; index < 500; index++) traits.note(index * MINUTE, ALL)
  const began = 500 * MINUTE
  for (let index = 0; index < 1000; index++) traits.note(began + index, { ...ALL, ...none })
  traits.note(began + 3 * HOUR - 1, { ...ALL, ...none })
  assert.deepEqual(traits.lost(), [])
  traits.note(began + 3 * HOUR, { ...ALL, ...none })
  assert.deepEqual(
    traits.lost().map(({ trait, events }) => [trait, events]),
    [['match', 1002]],
  )
})

test('as long as any of 50 events in a row has a trait, it is not lost', () => {
  const lacking = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 })
  fc.assert(
    fc.property(lacking, runs => {
      const traits = createTraits()
      let number = 0
      const note = (has: Has) => traits.note(HOUR * number++, has)
      for (const length of [0, ...runs]) {
        for (let index = 0; index < length; index++) note({ request: false, match: false, score: false })
        assert.deepEqual(traits.lost(), [])
        note(ALL)
      }
    }),
  )
})
