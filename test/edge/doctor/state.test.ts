import assert from 'node:assert/strict'
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import Sqlite from 'better-sqlite3'
import type { Account, Unit } from '../../../src/core/doctor/facts.ts'
import { createSplitter } from '../../../src/core/entry/split.ts'
import { lookAs } from '../../../src/edge/doctor/eyes.ts'
import { lookAtDaemon } from '../../../src/edge/doctor/look-daemon.ts'
import { lookAtDatabase } from '../../../src/edge/doctor/look-database.ts'
import { lookAtLogs } from '../../../src/edge/doctor/look-logs.ts'
import { lookAtModel } from '../../../src/edge/doctor/look-model.ts'
import { activateModel } from '../../../src/edge/model-folder.ts'
import { openStatusFile, statusPath } from '../../../src/edge/status-file.ts'
import { openStore } from '../../../src/edge/store/store.ts'
import { trainedModel } from '../../core/model/samples.ts'
import { judgeOne } from '../../doctor-facts.ts'
import { createPipelineHarness } from '../../pipeline-harness.ts'

const NOBODY: Account = { name: 'nobody', uid: 65534, gid: 65534, groups: [65534] }
const skip = process.getuid?.() === 0 ? false : 'needs root to look as another user'
const DAY = 86_400_000
const top = mkdtempSync(join(tmpdir(), 'modwarden-state-'))
chmodSync(top, 0o755)
after(() => rmSync(top, { recursive: true }))

const newFolder = () => {
  const folder = mkdtempSync(join(top, 'x-'))
  chmodSync(folder, 0o755)
  return folder
}

function newDatabase(): string {
  const path = join(newFolder(), 'modwarden.db')
  openStore(path, { create: true }).close()
  return path
}

const judgeDatabase = (path: string) => judgeOne('database', { database: lookAtDatabase({ path, logs: [] }) })

test('database: sound, none, damaged, that of somebody else', () => {
  const path = newDatabase()
  assert.equal(judgeDatabase(path).severity, 'ok')
  assert.deepEqual(
    [judgeDatabase(`${path}.none`).severity, judgeDatabase(`${path}.none`).remedy],
    ['warn', 'systemctl enable --now modwarden'],
  )
  const fd = openSync(path, 'r+')
  for (let page = 2; page < 20; page++) writeSync(fd, Buffer.alloc(2000, 0xa5), 0, 2000, page * 4096)
  closeSync(fd)
  const damaged = judgeDatabase(path)
  assert.deepEqual([damaged.severity, damaged.what], ['bad', `${path} is damaged`])
  truncateSync(path, 0)
  appendFileSync(path, 'no database at all')
  assert.equal(judgeDatabase(path).what, `${path} is damaged`)
  const foreign = join(newFolder(), 'other.db')
  new Sqlite(foreign).exec('CREATE TABLE x (y)').close()
  assert.deepEqual([judgeDatabase(foreign).severity, judgeDatabase(foreign).what], ['bad', `${foreign} cannot be used`])
})

test('database: what its own user may not write is found by trying', { skip }, async () => {
  const path = newDatabase()
  chmodSync(path, 0o644)
  const verdict = async () =>
    judgeOne('database', { database: await lookAs(NOBODY, 'database', { path, logs: [] }, 8000) }, { serviceUser: 'nobody' })
  const file = await verdict()
  assert.deepEqual([file.severity, file.what], ['bad', `nobody cannot write ${path}`])
  chmodSync(path, 0o666)
  assert.equal((await verdict()).severity, 'bad', 'SQLite makes files beside it')
  chmodSync(join(path, '..'), 0o777)
  assert.equal((await verdict()).severity, 'ok')
  chmodSync(join(path, '..'), 0o700)
  assert.match((await verdict()).evidence!, /EACCES/)
})

test('log-followed: what the daemon reads, what it does not read on in, and what gives no events', async () => {
  const folder = newFolder()
  const log = join(folder, 'audit.log')
  const path = join(folder, 'modwarden.db')
  const harness = createPipelineHarness({ path, log })
  const status = openStatusFile(statusPath(path))
  const [started, minutes] = [Date.now() - 3_600_000, 60_000]
  status.write({
    version: '1',
    started_at: started,
    updated_at: Date.now(),
    mode: 'enforce',
    firewall: 'auto',
    firewall_backend: 'iptables',
    model: 'base',
    logs: [],
    last_entry_at: null,
    entries_per_second: 0,
  })
  const readTo = (offset: number) => harness.store.positions.save(log, [{ ...statBig(log), offset, tail: '', head: '', done: false }])
  const verdict = async (now = Date.now()) => {
    const logs = await lookAtLogs({ logs: [log], storageDir: '', proxies: { trusted: [], header: '' } })
    const database = lookAtDatabase({ path, logs: [log] })
    return judgeOne('log-followed', { logs, database, daemon: lookAtDaemon({ config: undefined, database: path }) }, { now })
  }
  harness.handle([{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }])
  readTo(statSync(log).size)
  assert.equal((await verdict()).severity, 'ok')

  const read = statSync(log).size
  harness.handle(Array.from({ length: 20 }, () => ({ ip: '192.0.2.1' })))
  readTo(read)
  assert.equal((await verdict()).severity, 'ok', 'it may be reading right now')
  const stuck = await verdict(Date.now() + 5 * minutes)
  assert.deepEqual([stuck.severity, stuck.what], ['bad', 'the daemon does not read on in it'])

  // The engine was upgraded and writes what nobody knows: it is read, but it is no entry.
  const garbage = 'a new shape of entry\n'.repeat(1000)
  appendFileSync(log, garbage)
  const pieces = createSplitter({ offset: 0 }).push(Buffer.from(garbage.repeat(20)))
  for (const piece of pieces.slice(0, 3))
    harness.store.deadLetters.add({
      seenAt: Date.now() + 5 * minutes,
      log,
      inode: 1n,
      offset: piece.start,
      length: 10,
      problem: 'no audit-log entry',
    })
  readTo(statSync(log).size)
  const at = Date.now() / 1000 + 300
  utimesSync(log, at, at)
  const changed = await verdict(Date.now() + 6 * minutes)
  assert.deepEqual([changed.severity, changed.what], ['bad', 'it grows, but no event comes out of it any more'])
  assert.match(changed.evidence!, /3 unreadable pieces since/)
  harness.store.close()
  status.close()
})

test('service-running, service-says: what the state file of the daemon tells', () => {
  const path = newDatabase()
  const status = openStatusFile(statusPath(path))
  const write = (more: object) =>
    status.write({
      version: '1',
      started_at: Date.now() - 7_200_000,
      updated_at: Date.now(),
      mode: 'enforce',
      firewall: 'auto',
      firewall_backend: 'iptables',
      model: 'base',
      logs: [],
      last_entry_at: null,
      entries_per_second: 0,
      ...more,
    })
  const verdict = (id: string) => judgeOne(id, { daemon: lookAtDaemon({ config: undefined, database: path }) })
  write({})
  assert.match(verdict('service-running').what, /^the daemon has run for 2 h \(pid \d+\)$/)
  assert.equal(verdict('service-says').severity, 'ok')
  write({ updated_at: Date.now() - 60_000 })
  assert.deepEqual([verdict('service-running').severity, verdict('service-running').remedy], ['bad', 'systemctl restart modwarden'])
  write({ firewall_problem: 'iptables needs CAP_NET_ADMIN' })
  assert.deepEqual(
    [verdict('service-says').severity, verdict('service-says').what],
    ['bad', 'the daemon says: firewall: iptables needs CAP_NET_ADMIN'],
  )
  write({ pid: 2 ** 22 - 1 })
  assert.equal(verdict('service-running').severity, 'bad')
  assert.equal(verdict('service-says').severity, 'skipped')
  // Whoever can write there can write anything.
  for (const text of ['', '[]', 'null', '{"pid":"$(reboot)","logs":7}', '\0']) {
    writeFileSync(statusPath(path), text)
    assert.equal(verdict('service-running').severity, 'bad', text)
  }
  status.close()
})

test('model: none of this site, a fresh one, an old one, a damaged one', () => {
  const folder = newFolder()
  const verdict = (units: Unit[] = []) => judgeOne('model', { model: lookAtModel({ folder }), units })
  assert.deepEqual([verdict().severity, verdict().what.slice(0, 26)], ['warn', 'only the base model scores'])
  const model = trainedModel({ count: 30 })
  activateModel(folder, { ...model, version: 'young', trainedAt: Date.now() - 29 * DAY })
  assert.equal(verdict().severity, 'ok')
  activateModel(folder, { ...model, version: 'old', trainedAt: Date.now() - 31 * DAY })
  const timer = {
    id: 'modwarden-train.timer',
    isLoaded: true,
    active: 'inactive',
    enabled: 'disabled',
    result: 'success',
    exitStatus: 0,
    restarts: 0,
    pid: 0,
    ambient: '',
  }
  const old = verdict([timer])
  assert.deepEqual([old.severity, old.what, old.evidence], ['warn', 'the model is 31 d old', 'old'])
  assert.match(old.remedy!, /^systemctl enable --now modwarden-train\.timer && systemctl start modwarden-train;/)
  truncateSync(join(folder, 'active.json'), 500)
  assert.deepEqual([verdict().severity, verdict().what], ['bad', 'the model is refused'])
})

function statBig(path: string): { device: bigint; inode: bigint } {
  const { dev, ino } = statSync(path, { bigint: true })
  return { device: dev, inode: ino }
}
