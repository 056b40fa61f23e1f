import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeSilence, type LogFacts } from '../../../src/core/silence/silence.ts'

const NOW = Date.UTC(2026, 0, 5, 12)
const MINUTE = 60_000
const FINE: LogFacts = { log: '/log', now: NOW, heardAt: NOW - MINUTE, unread: undefined, usualUntil: NOW + 1, lost: [] }
const unread = (bytes: number, pieces: number, minutes: number) => ({ bytes, pieces, since: NOW - minutes * MINUTE })
const lost = [{ trait: 'match', since: NOW - 240 * MINUTE, events: 60, share: 0.979 }] as const

const cases: [string, Partial<LogFacts>, string | undefined][] = [
  ['all is well', {}, undefined],
  ['nothing was ever heard', { heardAt: undefined, usualUntil: undefined }, undefined],
  ['too little is known', { usualUntil: undefined }, undefined],
  [
    'the usual pause is over',
    { usualUntil: NOW },
    'no entry since 2026-01-05 11:59 UTC; at this time one was to be expected by 2026-01-05 12:00 UTC at the latest',
  ],
  [
    'pieces that could not be read',
    { unread: unread(1, 5, 10) },
    'the log grows, but no event comes out: 5 pieces of the log since 2026-01-05 11:50 UTC could not be read',
  ],
  ['a few bad entries', { unread: unread(16_383, 4, 60) }, undefined],
  [
    'bytes without an end',
    { unread: unread(16_384, 0, 10) },
    'the log grows, but no event comes out: 16 KiB of the log since 2026-01-05 11:50 UTC could not be read',
  ],
  ['not for long yet', { unread: unread(1e6, 100, 9.99) }, undefined],
  [
    'what cannot be read comes before what does not come',
    { usualUntil: NOW, unread: unread(0, 9, 20) },
    'the log grows, but no event comes out: 9 pieces of the log since 2026-01-05 11:40 UTC could not be read',
  ],
  ['another shape', { lost }, 'none of 60 entries since 2026-01-05 08:00 UTC has a rule that matched; before, 97 % had'],
  [
    'no entry comes before another shape',
    { usualUntil: NOW, lost },
    'no entry since 2026-01-05 11:59 UTC; at this time one was to be expected by 2026-01-05 12:00 UTC at the latest',
  ],
]
for (const [name, facts, expected] of cases)
  test(`silence: ${name}`, () => assert.equal(judgeSilence({ ...FINE, ...facts })?.problem, expected))
