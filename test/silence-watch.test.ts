import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Millis } from '../src/core/types.ts'
import { logSize } from '../src/edge/log-size.ts'
import type { EventRow, HeardEvent } from '../src/edge/store/events.ts'
import { openStore } from '../src/edge/store/store.ts'
import { createHealth } from '../src/health.ts'
import { createSilenceWatch } from '../src/silence-watch.ts'
import { createPipelineHarness } from './pipeline-harness.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const NOTHING = { heard: [], skipped: [] }
const ROW: Omit<EventRow, 'at' | 'seenAt' | 'log'> = {
  ...{ ip: '192.0.2.1', address: '192.0.2.1', port: 1, method: 'GET', host: 'shop.example', path: '/', argumentNames: '', status: 403 },
  ...{ rules: ['942100'], inboundScore: undefined, loggedScore: undefined, ownScore: 1, score: 1, intercepted: true, threat: false },
  ...{ trust: 'full', transactionId: '', inode: 1n, offset: 0, length: 1 },
}

/** A watch over /log (or a real file) whose events are in a database: one every ten minutes of three weeks, unless it is told otherwise. */
function setUp({ values = {}, log = '/log', weeks = 3, bootedAt = 0 } = {}) {
  const harness = createPipelineHarness({ values, log })
  const add = (at: Millis) => harness.store.events.add({ ...ROW, at, seenAt: at, log })
  harness.store.transaction(() => {
    for (let at = harness.time.now - weeks * 7 * 24 * HOUR; at <= harness.time.now; at += 10 * MINUTE) add(at)
  })
  const told: Record<string, unknown>[] = []
  const tell = (event: string, fields = {}) => void told.push({ event, ...fields })
  const journal = { info: tell, warn: tell, error: tell }
  const start = () => {
    const states: string[] = []
    const health = createHealth(
      journal,
      () => harness.time.now,
      summary => void states.push(summary),
    )
    const sleep = { millis: 0 }
    const watch = createSilenceWatch({
      store: harness.store,
      settings: () => ({ ...harness.settings, auditLogs: [log] }),
      health,
      log: journal,
      clock: () => harness.time.now,
      now: () => harness.time.now - sleep.millis,
      bootedAt,
      sizeOf: logSize,
    })
    return { watch, health, sleep, states }
  }
  const heardNow = (): { heard: HeardEvent[]; skipped: [] } => ({
    heard: [{ at: harness.time.now, request: true, match: true, score: false }],
    skipped: [],
  })
  const learned = () => {
    const started = start()
    while (started.watch.learn());
    return started
  }
  return { ...harness, add, told, start, learned, heardNow }
}

test('it learns from the database, tells once that a log fell silent and once that it is heard, also over restarts', () => {
  const { time, told, start, learned, heardNow } = setUp()
  const began = time.now
  const { watch, health, states } = start()
  time.now += 40 * MINUTE
  watch.look()
  assert.equal(told.length, 0, 'not before it has learned')
  assert.equal(watch.learn(), false)
  watch.look()
  watch.look()
  assert.equal(told.length, 1)
  assert.deepEqual(
    [told[0]!.event, told[0]!.log, told[0]!.why, told[0]!.since],
    ['log.silent', '/log', 'no-entry', new Date(began).toISOString()],
  )
  assert.match(String(told[0]!.problem), /^no entry since .* UTC; at this time one was to be expected by .* UTC at the latest$/)
  assert.match(health.summary(), /^degraded: silence: no entry since/)
  assert.equal(states.length, 1)

  const again = start()
  again.watch.look()
  assert.equal(told.length, 1, 'nor does one that has yet to learn take it back')
  while (again.watch.learn());
  again.watch.look()
  assert.equal(told.length, 1, 'a restart does not tell it again')
  assert.equal(again.watch.of('/log')?.why, 'no-entry')
  time.now += MINUTE
  again.watch.handled('/log', heardNow())
  const third = learned()
  third.watch.handled('/log', heardNow())
  third.watch.look()
  assert.deepEqual(told.slice(1), [{ event: 'log.heard', log: '/log', why: 'no-entry', after_seconds: 41 * 60 }])
  assert.equal(third.health.summary(), 'following')
  assert.equal(third.watch.of('/log'), undefined)
})

test('events come in while it still learns, and more of them than it takes at a time', () => {
  const { time, told, store, add, start } = setUp({ weeks: 1 })
  const { watch } = start()
  const began = time.now
  store.transaction(() => {
    for (let number = 0; number < 6000; number++) add(began)
    add(began + 10 * MINUTE)
  })
  assert.equal(watch.learn(), true)
  watch.look()
  assert.equal(watch.learn(), false)
  assert.equal(watch.learn(), false)
  time.now = began + 30 * MINUTE
  watch.look()
  assert.equal(told.length, 0, 'all of them count')
  time.now = began + 32 * MINUTE
  watch.look()
  assert.equal(told.length, 1)
})

test('what is known to be broken explains the silence; what no client can have forged ends it', () => {
  const { time, told, handle, learned, heardNow } = setUp()
  const { watch, health } = learned()
  time.now += HOUR
  health.failed('log', 'not there', '/log')
  watch.look()
  assert.deepEqual(
    told.map(({ event }) => event),
    ['log.failed'],
  )
  health.recovered('log', '/log')
  watch.look()
  assert.equal(told.at(-1)!.event, 'log.silent')
  const low = handle([{ ip: '192.0.2.1' }], 'low')
  watch.handled('/log', low)
  watch.look()
  assert.equal(told.at(-1)!.event, 'log.silent')
  learned().watch.look()
  assert.equal(told.at(-1)!.event, 'log.silent')
  watch.handled('/log', heardNow())
  watch.look()
  assert.equal(told.at(-1)!.event, 'log.heard')
})

test('while the machine was off or asleep nothing could come', () => {
  const booted = setUp({ bootedAt: Date.now() + 23 * HOUR })
  booted.time.now += 23 * HOUR + 10 * MINUTE
  const { watch } = booted.learned()
  watch.look()
  assert.equal(booted.told.length, 0)
  booted.time.now += HOUR
  watch.look()
  assert.equal(booted.told.length, 1)

  const asleep = setUp()
  const slept = asleep.learned()
  slept.watch.look()
  slept.sleep.millis += 23 * HOUR
  asleep.time.now += 23 * HOUR
  slept.watch.look()
  assert.equal(asleep.told.length, 0)
  asleep.time.now += HOUR
  slept.watch.look()
  assert.equal(asleep.told.length, 1)
})

for (const [name, silence_after, minutes, expected] of [
  ['a time of the own, not yet', '2h', 119, 0],
  ['a time of the own', '2h', 120, 1],
  ['never', '-1', 1e6, 0],
] as const)
  test(`silence_after: ${name}`, () => {
    const { time, told, learned } = setUp({ values: { silence_after }, weeks: 1 })
    const { watch } = learned()
    time.now += minutes * MINUTE
    watch.look()
    assert.equal(told.length, expected)
  })

test('a log that grows while no event comes out is told, over a rotation too, and one that gives nothing at all', () => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-silence-'))
  const log = join(folder, 'audit.log')
  try {
    writeFileSync(log, 'w'.repeat(5000))
    const { time, told, learned, heardNow } = setUp({ log, values: { silence_after: '-1' }, weeks: 1 })
    const { watch } = learned()
    const pass = (minutes: number) => {
      time.now += minutes * MINUTE
      watch.look()
    }
    watch.handled(log, heardNow())
    watch.look()
    appendFileSync(log, 'x'.repeat(10_000))
    pass(1)
    renameSync(log, `${log}.1`)
    writeFileSync(log, 'y'.repeat(17_000))
    pass(9)
    assert.equal(told.length, 0)
    pass(1)
    assert.deepEqual(
      told.map(({ event, why }) => [event, why]),
      [['log.silent', 'no-event']],
    )
    assert.equal(told[0]!.remedy, `modwarden parse ${log} | tail -n 3`)
    watch.handled(log, heardNow())
    pass(60)
    assert.equal(told.at(-1)!.event, 'log.heard')

    for (let number = 0; number < 5; number++) watch.handled(log, { ...NOTHING, skipped: [1] })
    pass(1)
    pass(9)
    assert.equal(told.length, 2)
    pass(1)
    assert.match(String(told.at(-1)!.problem), /^the log grows, but no event comes out: 5 pieces of the log since/)
    rmSync(log)
    pass(1)
    assert.equal(told.length, 3)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('entries that have lost what nearly all had are told, and that comes back with a restart', () => {
  const { time, told, handle, learned } = setUp()
  const plain = Array.from({ length: 60 }, (_, index) => ({ ip: '192.0.2.1', at: time.now + index * 5 * MINUTE }))
  time.now += 5 * HOUR
  handle(plain)
  const { watch } = learned()
  watch.look()
  assert.deepEqual(
    told.map(({ event, why }) => [event, why]),
    [['log.silent', 'shape']],
  )
  assert.match(String(told[0]!.problem), /^none of 60 entries since .* has a rule that matched; before, 100 % had$/)
  watch.handled('/log', handle([{ ip: '192.0.2.1', attack: true }]))
  watch.look()
  assert.equal(told.at(-1)!.event, 'log.heard')
})

test('what was told stands in the database, by log', () => {
  const store = openStore(':memory:', { create: true })
  store.silences.begin('/a', { why: 'no-entry', since: 5 })
  assert.deepEqual([store.silences.of('/a'), store.silences.of('/b')], [{ why: 'no-entry', since: 5 }, undefined])
  store.silences.end('/a')
  assert.equal(store.silences.of('/a'), undefined)
})
