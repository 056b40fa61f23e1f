import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import Sqlite from 'better-sqlite3'
import { migrate, refuseOld } from '../../../src/edge/store/migrate.ts'
import { createPipelineHarness } from '../../pipeline-harness.ts'

const request = (body: string) => ({ method: 'POST', uri: '/', protocol: 'HTTP/1.1', headers: [['Host', 'shop.example']] as const, body })
const mark = (eventId: number, body: string, markedAt = eventId) => ({
  eventId,
  markedAt,
  request: request(body),
  problem: '',
  risk: 'low' as const,
})

test('requests come back as they were kept, oldest mark first', () => {
  const { store, handle } = createPipelineHarness()
  handle([{ ip: '192.0.2.1' }, { ip: '192.0.2.1' }])
  store.falsePositives.add(mark(2, 'later \xff', 20))
  store.falsePositives.add(mark(1, 'sooner', 10))
  assert.deepEqual([...store.falsePositives.requests()], [request('sooner'), request('later \xff')])
  store.close()
})

test('beyond the bound of bytes the oldest requests make room, their marks stay', () => {
  const { store, handle } = createPipelineHarness()
  handle(Array.from({ length: 5 }, () => ({ ip: '192.0.2.1' })))
  const size = Buffer.byteLength(JSON.stringify(request('x'.repeat(1000))))
  for (const id of [1, 2, 3, 4]) store.falsePositives.add(mark(id, 'x'.repeat(1000)), size * 2)
  assert.deepEqual(store.falsePositives.kept(), { marks: 4, requests: 2 })
  assert.match(store.falsePositives.of(1)!.problem, /made room for newer ones/)
  assert.equal(store.falsePositives.of(4)!.bytes, size)
  store.falsePositives.add(mark(5, 'x'.repeat(256 * 1024)))
  assert.match(store.falsePositives.of(5)!.problem, /longer than 262144 bytes/)
  store.close()
})

test('beyond the bound of rows the oldest marks go', () => {
  const { store, handle } = createPipelineHarness()
  handle(Array.from({ length: 10_001 }, () => ({ ip: '192.0.2.1' })))
  store.transaction(() => {
    for (let id = 1; id <= 9_999; id++)
      store.query(
        `INSERT INTO false_positives (event_id, marked_at, at, ip, score, risk, counted, threat, bytes, problem) VALUES (${id}, ${id}, 0, '', 0, 'low', 0, 0, 0, '') RETURNING 1`,
      )
  })
  store.falsePositives.add(mark(10_000, 'a'))
  assert.equal(store.falsePositives.kept().marks, 10_000)
  store.falsePositives.add(mark(10_001, 'b'))
  assert.equal(store.falsePositives.kept().marks, 10_000)
  assert.equal(store.falsePositives.of(1), undefined)
  store.close()
})

test('a database of the first version is brought up to this one with all it holds', () => {
  const migrations = new URL('../../../migrations/', import.meta.url).pathname
  const first = mkdtempSync(join(tmpdir(), 'modwarden-upgrade-'))
  cpSync(join(migrations, '0001-initial.sql'), join(first, '0001-initial.sql'))
  const database = new Sqlite(':memory:')
  migrate(database, first)
  database.exec(
    "INSERT INTO threats (event_id, ip, at, score, intercepted, model, matches, reasons) VALUES (1, '192.0.2.1', 1, 6, 0, '', '[]', '[]')",
  )
  assert.throws(() => refuseOld(database, migrations), /older modwarden \(schema 1, this one needs \d+\); systemctl restart modwarden/)
  migrate(database, migrations)
  refuseOld(database, migrations)
  assert.equal(database.prepare('SELECT threat_count FROM top_offenders').pluck().get(), 1)
  assert.equal(database.prepare('SELECT count(*) FROM model_hours').pluck().get(), 0)
  database.close()
  rmSync(first, { recursive: true })
})
