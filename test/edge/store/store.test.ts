import assert from 'node:assert/strict'
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import Sqlite from 'better-sqlite3'
import { migrate } from '../../../src/edge/store/migrate.ts'
import { waterLevel } from '../../../src/edge/store/retention.ts'
import { isCorruption, isPassing, openReader, openStore } from '../../../src/edge/store/store.ts'

const folder = mkdtempSync(join(tmpdir(), 'modwarden-store-'))
after(() => rmSync(folder, { recursive: true }))
let number = 0
const fresh = () => join(folder, `${number++}.db`)
const manual = { reason: 'manual', score: 0, threatCount: 0, blockedAt: 1000 } as const

test('a new database is 0640, in WAL while it is open and one plain file afterwards', () => {
  const path = fresh()
  const store = openStore(path, { create: true })
  store.transaction(() => store.totals.add({ parsed: 1 }))
  for (const suffix of ['', '-wal', '-shm']) assert.equal(statSync(path + suffix).mode & 0o777, 0o640, suffix)
  store.close()
  assert.equal(statSync(`${path}-wal`, { throwIfNoEntry: false }), undefined)
  const reader = openReader(path)
  assert.equal(reader.totals.all().parsed, 1)
  reader.close()
})

test('a write command leaves the journal mode of a running daemon alone', () => {
  const path = fresh()
  const daemon = openStore(path, { create: true })
  const command = openStore(path, { create: false })
  const before = daemon.dataVersion()
  command.transaction(() => command.blocks.add({ ip: '192.0.2.1', expiresAt: 5000, ...manual }))
  command.close()
  assert.notEqual(daemon.dataVersion(), before)
  assert.deepEqual(daemon.blocks.plan().block, [{ id: 1, ip: '192.0.2.1', expires_at: 5000 }])
  daemon.close()
})

test('only a creating caller makes a database', () => {
  assert.throws(() => openStore(fresh(), { create: false }), /there is no database/)
  assert.throws(() => openReader(fresh()), /there is no database/)
})

test('damage and passing trouble are told apart', () => {
  const path = fresh()
  writeFileSync(path, 'this is no database, but it is long enough to be taken for one'.repeat(100))
  assert.throws(
    () => openStore(path, { create: true }),
    (error: unknown) => isCorruption(error) && !isPassing(error),
  )
  const other = fresh()
  const holder = new Sqlite(other)
  openStore(other, { create: true }).close()
  holder.exec('BEGIN IMMEDIATE')
  const store = openReader(other)
  store.close()
  const writer = openStore(other, { create: false })
  assert.throws(
    () => writer.transaction(() => writer.totals.add({ parsed: 1 })),
    (error: unknown) => isPassing(error) && !isCorruption(error),
  )
  holder.close()
  writer.close()
})

test('positions come back as they were saved, large inodes too', () => {
  const store = openStore(':memory:', { create: true })
  const files = [
    { device: 2n ** 63n, inode: 2n ** 64n - 1n, offset: 7, tail: 'aa', head: 'bb', done: false },
    { device: 1n, inode: 2n, offset: 0, tail: '', head: '', done: true },
  ]
  store.positions.save('/a', files)
  store.positions.save('/b', [])
  assert.deepEqual(store.positions.of('/a'), files)
  store.positions.save('/a', files.slice(1))
  assert.deepEqual(store.positions.of('/a'), files.slice(1))
  assert.deepEqual(store.positions.of('/c'), [])
})

test('the views give what people query', () => {
  const store = openStore(fresh(), { create: true })
  store.blocks.add({
    ip: '192.0.2.1',
    reason: 'high-score',
    score: 9.5,
    threatCount: 2,
    blockedAt: Date.now(),
    expiresAt: Date.now() + 60_000,
  })
  store.blocks.add({ ip: '192.0.2.2', ...manual, expiresAt: 2000 })
  store.blocks.add({ ip: '192.0.2.3', ...manual, expiresAt: Number.POSITIVE_INFINITY })
  store.threats.add({ eventId: 1, ip: '192.0.2.1', at: 1000, score: 9.5, intercepted: false, model: 'm', matches: '[]', reasons: '[]' })
  const rows = store.query('SELECT * FROM blocked_ips ORDER BY ip')
  assert.deepEqual(
    rows.map(row => row.ip),
    ['192.0.2.1', '192.0.2.3'],
  )
  assert.ok(Math.abs(Number(rows[0]!.seconds_left) - 60) <= 1)
  assert.equal(rows[1]!.expires_at, null)
  assert.match(String(rows[0]!.blocked_at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.deepEqual(store.query('SELECT ip, threat_count, highest_score, first_seen, blocks FROM top_offenders'), [
    { ip: '192.0.2.1', threat_count: 1, highest_score: 9.5, first_seen: '1970-01-01T00:00:01.000Z', blocks: 1 },
  ])
  store.blocks.release('192.0.2.1', 5000, 'manual')
  const history = store.query('SELECT ip, released_at, released_by FROM block_history WHERE released_by IS NOT NULL')
  assert.deepEqual(history, [{ ip: '192.0.2.1', released_at: '1970-01-01T00:00:05.000Z', released_by: 'manual' }])
  store.close()
})

test('a plan holds what is pending, and an address that was blocked again keeps its rule', () => {
  const store = openStore(':memory:', { create: true })
  const { blocks } = store
  for (const ip of ['192.0.2.1', '192.0.2.2']) blocks.add({ ip, ...manual, expiresAt: 2000 })
  assert.deepEqual(
    blocks.plan().block.map(row => row.ip),
    ['192.0.2.1', '192.0.2.2'],
  )
  blocks.settle(blocks.plan())
  assert.equal(blocks.hasPlan(), false)
  assert.deepEqual(
    blocks.expire(2000).map(row => row.ip),
    ['192.0.2.1', '192.0.2.2'],
  )
  blocks.add({ ip: '192.0.2.1', ...manual, expiresAt: 9000 })
  const plan = blocks.plan()
  const renewed = [{ id: 3, ip: '192.0.2.1', expires_at: 9000 }]
  assert.deepEqual([plan.block, plan.renew, plan.unblock], [[], renewed, ['192.0.2.2']])
  // While the firewall works on it, the block of .1 ends: its rule is still in the kernel and must be removed next.
  blocks.release('192.0.2.1', 2500, 'manual')
  blocks.settle(plan)
  assert.deepEqual(blocks.plan().unblock, ['192.0.2.1'])
  store.close()
})

test('only what is counted and within the window is counted', () => {
  const { threats } = openStore(':memory:', { create: true })
  const add = (ip: string, at: number, intercepted = false) =>
    threats.add({ eventId: 1, ip, at, score: 6, intercepted, model: '', matches: '[]', reasons: '[]' })
  add('192.0.2.1', 100)
  add('192.0.2.1', 101, true)
  add('192.0.2.2', 200)
  assert.deepEqual(threats.countSince('192.0.2.1', 99), { threats: 2, denied: 1 })
  assert.deepEqual(threats.countSince('192.0.2.1', 100), { threats: 1, denied: 1 })
  threats.forgive('192.0.2.1')
  assert.deepEqual(threats.countSince('192.0.2.1', 0), { threats: 0, denied: 0 })
  assert.deepEqual(threats.countSince('192.0.2.2', 0), { threats: 1, denied: 0 })
})

test('a flood loses its own oldest rows, nobody else does', () => {
  const store = openStore(':memory:', { create: true })
  for (let index = 0; index < 1200; index++)
    store.events.add({ ...EVENT, ip: index < 100 ? '192.0.2.1' : '198.51.100.1', at: 1000 + index })
  while (store.retention.trim({ before: 0, blocksBefore: 0, windowStart: 0, maxEvents: 1000 }));
  const rows = store.query('SELECT ip, count(*) AS rows, min(at) AS oldest FROM events GROUP BY ip ORDER BY ip')
  assert.deepEqual(rows, [
    { ip: '192.0.2.1', rows: 100, oldest: 1000 },
    { ip: '198.51.100.1', rows: 850, oldest: 1350 },
  ])
})

test('what is too old goes', () => {
  const store = openStore(':memory:', { create: true })
  for (const at of [1, 2, 3]) store.events.add({ ...EVENT, at, seenAt: at })
  store.blocks.add({ ip: '192.0.2.9', ...manual, expiresAt: Number.POSITIVE_INFINITY })
  assert.equal(store.retention.trim({ before: 3, blocksBefore: 2, windowStart: 0, maxEvents: 1000 }), false)
  assert.deepEqual(store.query('SELECT at FROM events'), [{ at: 3 }])
  assert.equal(store.blocks.countActive(5000), 1)
  for (const at of [1, 2]) {
    store.blocks.add({ ip: `192.0.2.${at}`, ...manual, expiresAt: 5000 })
    store.blocks.release(`192.0.2.${at}`, at, 'manual')
  }
  store.retention.trim({ before: 3, blocksBefore: 2, windowStart: 0, maxEvents: 1000 })
  assert.deepEqual(
    store.blocks.history(10).map(({ ip }) => ip),
    ['192.0.2.2', '192.0.2.9'],
  )
})

const levels: [number[], number, number][] = [
  [[5, 5], 10, 5],
  [[1, 100], 50, 49],
  [[30, 30, 30], 60, 20],
  [[], 10, 0],
  [[3], 10, 3],
]
for (const [counts, most, level] of levels) test(`waterLevel of ${counts} in ${most}`, () => assert.equal(waterLevel(counts, most), level))

test('migrations refuse a foreign file, a newer schema, a gap and an edited file', () => {
  const migrations = join(folder, 'migrations')
  cpSync(new URL('../../../migrations', import.meta.url), migrations, { recursive: true })
  const foreign = new Sqlite(':memory:')
  foreign.exec('CREATE TABLE theirs (a)')
  assert.throws(() => migrate(foreign, migrations), /is no modwarden database/)
  const ours = new Sqlite(':memory:')
  migrate(ours, migrations)
  migrate(ours, migrations)
  const file = join(migrations, '0001-initial.sql')
  chmodSync(file, 0o644)
  writeFileSync(file, `${readFileSync(file, 'utf8')}\n-- edited`)
  assert.throws(() => migrate(ours, migrations), /was edited after/)
  writeFileSync(join(migrations, '9999-later.sql'), 'SELECT 1')
  assert.throws(() => migrate(ours, migrations), /without gaps, expected \d+/)
  ours.pragma('user_version = 99')
  rmSync(join(migrations, '9999-later.sql'))
  assert.throws(() => migrate(ours, migrations), /newer modwarden/)
})

const EVENT = {
  at: 1,
  seenAt: 1,
  ip: '192.0.2.1',
  address: '192.0.2.1',
  port: 1,
  method: 'GET',
  host: 'h',
  path: '/',
  argumentNames: '',
  status: 200,
  rules: [],
  inboundScore: undefined,
  loggedScore: undefined,
  ownScore: 1,
  score: 1,
  intercepted: false,
  threat: false,
  trust: 'full',
  transactionId: 't',
  log: '/l',
  inode: 1n,
  offset: 0,
  length: 1,
} as const

test('events come newest first, however many, and whoever reads them slowly keeps no daemon from emptying its log', () => {
  const path = fresh()
  const store = openStore(path, { create: true })
  const count = 10_050
  store.transaction(() => {
    for (let index = 1; index <= count; index++) store.events.add({ ...EVENT, at: 1000 + (index % 7) })
  })
  const reader = openReader(path)
  const all = { ip: undefined, since: 0, minScore: 0, limit: 1e9 }
  const ids = Array.from({ length: count }, (_, index) => count - index)
  assert.deepEqual(
    Array.from(reader.events.recent(all), ({ id }) => id),
    ids,
  )
  assert.equal([...reader.events.recent({ ...all, limit: 10_001 })].length, 10_001)
  const ofOne = [...reader.events.recent({ ...all, ip: EVENT.ip })]
  assert.equal(new Set(ofOne.map(({ id }) => id)).size, count)
  assert.ok(
    ofOne.every(
      ({ at, id }, index) => index === 0 || at < ofOne[index - 1]!.at || (at === ofOne[index - 1]!.at && id < ofOne[index - 1]!.id),
    ),
  )
  const slow = reader.events.recent(all)[Symbol.iterator]()
  slow.next()
  const daemon = new Sqlite(path)
  assert.deepEqual(daemon.pragma('wal_checkpoint(TRUNCATE)'), [{ busy: 0, log: 0, checkpointed: 0 }])
  daemon.close()
  assert.equal(slow.next().value?.id, count - 1)
  reader.close()
  store.close()
})
