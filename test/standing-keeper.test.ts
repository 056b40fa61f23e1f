import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openStore } from '../src/edge/store/store.ts'
import { createStandingKeeper } from '../src/standing-keeper.ts'

const MINUTE = 60_000
const NOW = 1_800_000_000_000

function setUp() {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-standing-'))
  const path = join(folder, 'db.standing')
  const store = openStore(':memory:', { create: true })
  const time = { now: 0 }
  const told: string[] = []
  const tell = (event: string) => void told.push(event)
  const log = { error: tell, warn: tell, info: tell } as unknown as Parameters<typeof createStandingKeeper>[0]['log']
  const keeper = createStandingKeeper({ store, path, log, clock: () => NOW, now: () => time.now })
  const block = (ip: string, expiresAt = NOW + MINUTE) =>
    store.blocks.add({ ip, reason: 'manual', score: 0, threatCount: 0, blockedAt: NOW - 1, expiresAt })
  const written = () =>
    readFileSync(path, 'utf8')
      .split('\n')
      .filter(text => text !== '')
      .map(text => JSON.parse(text) as { ip?: string; network?: string })
  return { folder, path, store, time, told, keeper, block, written, remove: () => rmSync(folder, { recursive: true }) }
}

test('what stands and what is allowed is written, with the mode of the database, and nothing else is left', async () => {
  const { folder, path, store, keeper, block, written, remove } = setUp()
  for (let index = 0; index < 1200; index++) block(`10.1.${index >> 8}.${index & 255}`)
  block('192.0.2.1', NOW)
  block('192.0.2.2')
  store.blocks.release('192.0.2.2', NOW, 'manual')
  store.allow.add({ network: '198.51.100.0/24', reason: 'x', addedAt: NOW, expiresAt: Number.POSITIVE_INFINITY })
  await keeper.write()
  const lines = written()
  assert.equal(lines[0]?.network, '198.51.100.0/24')
  assert.equal(new Set(lines.slice(1).map(({ ip }) => ip)).size, 1200)
  assert.equal(lines.length, 1201)
  assert.equal(statSync(path).mode & 0o777, 0o640)
  assert.deepEqual(readdirSync(folder), ['db.standing'])
  remove()
})

test('it is written when something changed, at most once a minute, and at the stop', async () => {
  const { time, keeper, block, written, remove } = setUp()
  await keeper.write()
  const write = async (at: number, ip: string) => {
    time.now = at
    block(ip)
    keeper.changed()
    await keeper.write()
    return written().length
  }
  assert.equal(await write(MINUTE - 1, '192.0.2.1'), 0)
  assert.equal(await write(MINUTE, '192.0.2.2'), 2)
  block('192.0.2.3')
  time.now = 9 * MINUTE
  await keeper.write()
  assert.equal(written().length, 2, 'nobody said that it changed')
  keeper.changed()
  await keeper.write()
  block('192.0.2.4')
  keeper.changed()
  await keeper.write({ isLast: true })
  assert.equal(written().length, 4)
  remove()
})

test('what cannot be written is told once, leaves the file as it was, and is written when it can be', async () => {
  const { folder, path, time, told, keeper, block, written, remove } = setUp()
  block('192.0.2.1')
  await keeper.write()
  // In the way of the unfinished file.
  mkdirSync(`${path}.new`)
  writeFileSync(`${path}.new/x`, '')
  block('192.0.2.2')
  keeper.changed()
  for (time.now = MINUTE; time.now <= 3 * MINUTE; time.now += MINUTE) await keeper.write()
  assert.deepEqual([told, written().length], [['standing.failed'], 1])
  rmSync(`${path}.new`, { recursive: true })
  await keeper.write()
  assert.deepEqual([told, written().length, readdirSync(folder).length], [['standing.failed', 'standing.recovered'], 2, 1])
  remove()
})

test('a writing that the end of the daemon meets is given up, and the file stays as it was', async () => {
  const { folder, time, keeper, block, written, remove } = setUp()
  block('192.0.2.1')
  await keeper.write()
  for (let index = 0; index < 2000; index++) block(`10.1.${index >> 8}.${index & 255}`)
  keeper.changed()
  time.now = MINUTE
  const writing = keeper.write()
  await keeper.close()
  await writing
  assert.deepEqual([written().length, readdirSync(folder)], [1, ['db.standing']])
  remove()
})
