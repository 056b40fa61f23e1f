import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClockWatch } from '../src/clock-watch.ts'
import { emptyTally } from '../src/core/health/tally.ts'
import { openStore } from '../src/edge/store/store.ts'

const NOW = 1_800_000_000_000
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const YEAR = 365 * 24 * HOUR
const NEVER = Number.POSITIVE_INFINITY

function setUp() {
  const store = openStore(':memory:', { create: true })
  const time = { clock: NOW, run: 0 }
  const told: unknown[] = []
  const log = { warn: (event: string, fields: object) => void told.push({ event, ...fields }) }
  const look = createClockWatch({ store, log: log as never, clock: () => time.clock, now: () => time.run })
  const pass = (span: number) => {
    time.clock += span
    time.run += span
    return look()
  }
  const block = (ip: string, blockedAt: number, length: number) =>
    store.blocks.add({ ip, reason: 'high-score', score: 9, threatCount: 1, blockedAt, expiresAt: blockedAt + length })
  const threat = (eventId: number, at: number) =>
    store.threats.add({ eventId, ip: '192.0.2.1', at, score: 9, intercepted: false, model: '', matches: '[]', reasons: '[]' })
  return { store, time, told, pass, block, threat }
}

test('a block of the future begins now and keeps its length, once the clock has gone evenly for a quarter of an hour', () => {
  const { store, told, pass, block } = setUp()
  block('192.0.2.1', NOW + 9 * YEAR, HOUR)
  block('192.0.2.2', NOW + 9 * YEAR, NEVER)
  block('192.0.2.3', NOW - HOUR, 9 * YEAR)
  block('192.0.2.4', NOW + 20 * MINUTE, HOUR)
  store.allow.add({ network: '10.0.0.0/8', reason: '', addedAt: NOW + 9 * YEAR, expiresAt: NOW + 9 * YEAR + HOUR })
  store.allow.add({ network: '10.0.0.1', reason: '', addedAt: NOW, expiresAt: NEVER })
  assert.equal(pass(14 * MINUTE), false)
  assert.equal(pass(MINUTE), true)
  const at = NOW + 15 * MINUTE
  const rows = store.blocks.allActive(at).map(({ ip, blocked_at, expires_at }) => [ip, blocked_at, expires_at])
  assert.deepEqual(
    new Map(rows.map(row => [row[0], row.slice(1)])),
    new Map([
      ['192.0.2.1', [at, at + HOUR]],
      ['192.0.2.2', [at, null]],
      ['192.0.2.3', [NOW - HOUR, NOW - HOUR + 9 * YEAR]],
      ['192.0.2.4', [NOW + 20 * MINUTE, NOW + 80 * MINUTE]],
    ]),
  )
  assert.deepEqual(
    store.allow.standing(at).map(row => [row.network, row.added_at, row.expires_at]),
    [
      ['10.0.0.0/8', at, at + HOUR],
      ['10.0.0.1', NOW, null],
    ],
  )
  assert.deepEqual(told, [{ event: 'future.mended', blocks: 2, allowed: 1, threats: 0, events: 0 }])
  assert.equal(pass(YEAR / 12), false)
  assert.equal(told.length, 1)
})

test('a clock that is put forward after the boot finds every block as it was', () => {
  const { store, time, told, pass, block } = setUp()
  // It was made last week, and the machine boots in another decade.
  block('192.0.2.1', NOW + 9 * YEAR, 30 * 24 * HOUR)
  for (let minute = 0; minute < 14; minute++) pass(MINUTE)
  time.clock += 9 * YEAR
  for (let minute = 0; minute < 20; minute++) pass(MINUTE)
  assert.deepEqual([store.blocks.allActive(time.clock)[0]?.expires_at, told], [NOW + 9 * YEAR + 30 * 24 * HOUR, []])
})

test('a clock that is put back while the daemon runs is followed', () => {
  const { store, time, pass, block } = setUp()
  assert.equal(pass(HOUR), false)
  time.clock += YEAR
  pass(MINUTE)
  block('192.0.2.1', time.clock, HOUR)
  time.clock -= YEAR
  assert.equal(pass(14 * MINUTE), false)
  assert.equal(pass(MINUTE), false)
  assert.equal(pass(15 * MINUTE), true)
  assert.equal(store.blocks.allActive(time.clock)[0]?.expires_at, time.clock + HOUR)
})

test('threats of the future keep their distances and leave the window with time', () => {
  const { store, time, pass, threat } = setUp()
  threat(1, NOW - 30 * MINUTE)
  for (const [index, hours] of [0, 30, 30.2].entries()) threat(2 + index, NOW + 9 * YEAR + hours * HOUR)
  pass(15 * MINUTE)
  assert.equal(store.threats.countSince('192.0.2.1', time.clock - HOUR).threats, 3)
  assert.equal(store.threats.countSince('192.0.2.1', time.clock + 1).threats, 0)
  assert.equal(store.threats.countSince('192.0.2.1', time.clock - 48 * HOUR).threats, 4)
})

test('a block that ended in the future does not lengthen the next ones for ever, and is forgotten in time', () => {
  const { store, time, pass, block } = setUp()
  block('192.0.2.1', NOW + 9 * YEAR, HOUR)
  store.blocks.expire(NOW + 10 * YEAR)
  block('192.0.2.2', NOW, HOUR)
  store.blocks.release('192.0.2.2', NOW, 'manual')
  pass(15 * MINUTE)
  const earlier = (since: number) => store.blocks.countEarlier('192.0.2.1', since, { observed: false })
  assert.deepEqual([earlier(time.clock - 1), earlier(time.clock)], [1, 0])
  store.retention.trim({ before: 0, blocksBefore: time.clock + 1, windowStart: 0, maxEvents: 1000 })
  assert.deepEqual(store.query('SELECT ip FROM blocks'), [])
})

test('the brake that was armed for a day of the future is armed within a day', () => {
  const { store, time, pass } = setUp()
  store.brake.armedAt('m1', NOW + 9 * YEAR)
  pass(15 * MINUTE)
  assert.equal(store.brake.armedAt('m1', time.clock), time.clock + 24 * HOUR)
})

test('hours and events of the future are not kept until then', () => {
  const { store, time, pass } = setUp()
  const hour = Math.floor((NOW + 9 * YEAR) / HOUR)
  store.scores.add({ hour, band: 1, events: 1, intercepted: 0 })
  store.scores.add({ hour: Math.floor(NOW / HOUR), band: 1, events: 1, intercepted: 0 })
  store.events.addActivity('192.0.2.1', hour, 1)
  pass(15 * MINUTE)
  assert.deepEqual(store.query('SELECT count(*) AS n FROM scores'), [{ n: 1 }])
  assert.equal(store.brake.countClients(time.clock - HOUR, 10), 0)
})

test('the model of a wrong clock does not count as the one at work until then, nor a mark of it as made today', () => {
  const { store, time, pass } = setUp()
  const seen = (model: string, at: number) => store.modelCounts.add(model, at, { hours: [{ hour: NOW / HOUR, ...emptyTally() }], bins: [] })
  seen('old', NOW + 9 * YEAR)
  store.query(`INSERT INTO false_positives (event_id, marked_at, at, ip, score, risk, counted, threat, bytes, problem)
    VALUES (1, ${NOW + 9 * YEAR}, ${NOW}, '192.0.2.1', 9, 'high', 1, 1, 0, '') RETURNING 1`)
  pass(15 * MINUTE)
  const mendedAt = time.clock
  pass(MINUTE)
  seen('new', time.clock)
  assert.equal(store.modelCounts.currentModel(), 'new')
  assert.equal(store.falsePositives.countSince(mendedAt), 1)
  assert.equal(store.falsePositives.countSince(mendedAt + 1), 0)
})

test('a brake that was released until a time that lies years ahead is armed within a day', () => {
  const { store, time, pass } = setUp()
  store.brake.set({ paused: false, resumedUntil: NOW + 9 * YEAR })
  pass(15 * MINUTE)
  assert.deepEqual(store.brake.state(), { paused: false, resumedUntil: time.clock + 24 * HOUR })
})

test('a brake that a person released for a month stays so', () => {
  const { store, pass } = setUp()
  store.brake.set({ paused: false, resumedUntil: NOW + 720 * HOUR })
  pass(15 * MINUTE)
  assert.deepEqual(store.brake.state(), { paused: false, resumedUntil: NOW + 720 * HOUR })
})
