import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createPauses } from '../../../src/core/silence/pauses.ts'
import { usualUntil } from '../../../src/core/silence/usual.ts'
import type { Millis } from '../../../src/core/types.ts'
import { SITES, watch } from './traffic.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const WEEK = 7 * DAY
/** A Monday, 0:00. */
const START = Date.UTC(2026, 0, 5)

/** Remembers entries every so often, from START for so long, where `isOpen`. */
function remembered(length: Millis, every: Millis, isOpen: (at: Millis) => boolean = () => true) {
  const pauses = createPauses()
  for (let at = START; at < START + length; at += every) if (isOpen(at)) pauses.note(at)
  return pauses
}
const until = (pauses: ReturnType<typeof createPauses>) => usualUntil(pauses.hours(), pauses.lastAt()!)
/** For how many hours no entry is nothing unusual from the last one on. */
const patience = (pauses: ReturnType<typeof createPauses>) => {
  const end = until(pauses)
  return end === undefined ? undefined : Math.round(((end - pauses.lastAt()!) / HOUR) * 100) / 100
}
const isWeekday = (at: Millis) => (at - START) % WEEK < 5 * DAY
const isOffice = (at: Millis) => isWeekday(at) && at % DAY >= 8 * HOUR && at % DAY < 18 * HOUR

const cases: [string, ReturnType<typeof createPauses>, number | undefined][] = [
  ['nothing is known of a log without entries', createPauses(), undefined],
  ['of a site that never sleeps, before two days', remembered(48 * HOUR, MINUTE), undefined],
  ['of a site that never sleeps, after two days: a quarter of an hour at least', remembered(48 * HOUR + MINUTE, MINUTE), 0.25],
  ['of a site that slept for an hour, before a week', remembered(7 * DAY, MINUTE, at => at % DAY >= HOUR), undefined],
  ['of fewer than ten hours with entries', remembered(5 * WEEK, 4 * DAY), undefined],
  ['an entry every half an hour: somewhat more than twice as long', remembered(4 * WEEK, 30 * MINUTE), 1.02],
  ['an entry a day, at the same time: it has to fail to come three times', remembered(4 * WEEK, DAY), 72.07],
  [
    'one that comes two days in three, at the same time',
    remembered(5 * WEEK, HOUR, at => Math.floor(at / DAY) % 3 > 0 && at % DAY < HOUR),
    192.63,
  ],
]
for (const [name, pauses, expected] of cases) test(`the usual pause: ${name}`, () => assert.equal(patience(pauses), expected))

test('a weekend counts nothing where it is always quiet, a Tuesday counts in full', () => {
  const weeks = (length: Millis) => remembered(length, 10 * MINUTE, isOffice)
  const friday = weeks(3 * WEEK + 5 * DAY)
  assert.equal(new Date(friday.lastAt()!).toISOString(), '2026-01-30T17:50:00.000Z')
  const monday = until(friday)!
  assert.ok(monday > Date.UTC(2026, 1, 2, 8, 10) && monday < Date.UTC(2026, 1, 2, 9), new Date(monday).toISOString())
  const tuesday = weeks(3 * WEEK + DAY + 10 * HOUR)
  assert.ok(patience(tuesday)! < 1, `${patience(tuesday)} h`)
})

test('before a weekend was seen twice, it is the measure, however much longer it is than any other pause', () => {
  const second = remembered(7 * DAY + 12 * HOUR, 10 * MINUTE, isOffice)
  assert.ok(patience(second)! > 100, `${patience(second)} h`)
})

test('a web server that stood still for a day makes no such pause usual', () => {
  const outage = (at: Millis) => at < START + 3 * WEEK || at >= START + 3 * WEEK + DAY
  const before = patience(remembered(3 * WEEK, 10 * MINUTE))
  assert.deepEqual([before, patience(remembered(3 * WEEK + 3 * DAY, 10 * MINUTE, outage))], [0.34, 0.34])
  const third = (at: Millis) => outage(at) && outage(at - 2 * DAY) && outage(at - 4 * DAY)
  assert.ok(patience(remembered(4 * WEEK, 10 * MINUTE, third))! > 24, 'the third one within four weeks is what happens here')
})

test('the memory is one row an hour, of four weeks, whatever comes', () => {
  const pauses = remembered(6 * WEEK, 7 * MINUTE)
  assert.equal(pauses.hours().size, 4 * 7 * 24 + 1)
  pauses.note(START)
  assert.equal(pauses.hours().size, 4 * 7 * 24 + 1, 'what comes late tells nothing')
  pauses.note(START + 20 * WEEK)
  assert.equal(pauses.hours().size, 1)
})

test('no site that does the same every week is called silent, nor before the floor, and every one that ends is', () => {
  const minute = fc.integer({ min: 0, max: 7 * 24 * 60 - 1 })
  fc.assert(
    fc.property(fc.uniqueArray(minute, { minLength: 10, maxLength: 80 }), fc.integer({ min: 2, max: 7 }), (minutes, weeks) => {
      const week = minutes.sort((a, b) => a - b).map(at => at * MINUTE)
      const pauses = createPauses()
      for (let number = 0; number < weeks; number++)
        for (const at of week.map(at => START + number * WEEK + at)) {
          const last = pauses.lastAt()
          const end = last === undefined ? undefined : usualUntil(pauses.hours(), last)
          if (end !== undefined) assert.ok(at < end && end - last! >= 15 * MINUTE, `${at} ${end}`)
          pauses.note(at)
        }
      // Some of these patterns are so thin that a few weeks say nothing about them.
      const end = until(pauses)
      if (weeks > 3 && pauses.hours().size > 40) assert.ok(end !== undefined && end < pauses.lastAt()! + 4 * WEEK)
    }),
    { numRuns: 150 },
  )
})

for (const [index, site] of SITES.entries())
  test(`simulated weeks, ${site.name}: no false alarm, and a stop is told`, () => {
    const { falseAlarms, delays, unknown } = watch(site, 12, 7 + index)
    assert.equal(falseAlarms, 0)
    assert.equal(unknown, 0)
    assert.ok(delays.filter(Number.isFinite).length >= 0.9 * delays.length)
  })
