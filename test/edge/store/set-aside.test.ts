import assert from 'node:assert/strict'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseSettings } from '../../../src/core/settings.ts'
import type { Log } from '../../../src/edge/log.ts'
import { openDaemonStore } from '../../../src/edge/store/set-aside.ts'
import { isCorruption, openReader, openStore } from '../../../src/edge/store/store.ts'
import type { Firewall } from '../../../src/enforce.ts'

function setUp() {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-aside-'))
  const path = join(folder, 'm.db')
  openStore(path, { create: true }).close()
  return { folder, path, remove: () => rmSync(folder, { recursive: true }) }
}

/** As a loss of power leaves it. */
function empty(path: string): void {
  truncateSync(path)
  writeFileSync(`${path}.standing`, '')
}

test('no command makes a sound database of one that a loss of power emptied: what stood would never come back', () => {
  const { path, remove } = setUp()
  empty(path)
  for (const open of [() => openStore(path, { create: false }), () => openStore(path, { create: true }), () => openReader(path)])
    assert.throws(open, error => isCorruption(error) && /is empty/.test((error as Error).message))
  rmSync(path)
  openStore(path, { create: true }).close()
  assert.ok(existsSync(path), 'whoever removes it begins anew')
  remove()
})

const NOW = 1_800_000_000_000
const settings = parseSettings([{ name: 'test', values: {} }])
assert.ok(settings.ok)
const defaults = settings.value
const firewall = { list: async () => ['192.0.2.1'] } as unknown as Firewall
const log = { error: () => {}, warn: () => {} } as unknown as Log
const parts = { firewall, log, clock: () => NOW, recall: async () => ({ ok: false as const, problem: 'there is none' }) }
const block = { reason: 'manual', score: 0, threatCount: 0, blockedAt: NOW, expiresAt: NOW + 1 } as const
const open = (path: string) => openDaemonStore({ ...defaults, database: path }, parts)

test('a damaged database that could be set aside only in part is there for the next start, which takes over what stood', async () => {
  const { path, remove } = setUp()
  empty(path)
  writeFileSync(`${path}-wal`, 'x')
  // In the way of a side file: the daemon ends between two steps, as one that is killed.
  const way = `${path}.damaged-${new Date(NOW).toISOString().replaceAll(':', '-')}-wal`
  mkdirSync(way)
  await assert.rejects(open(path))
  rmSync(way, { recursive: true })
  const { store, isFresh } = await open(path)
  assert.deepEqual([isFresh, store.blocks.allActive(NOW).map(({ ip }) => ip)], [true, ['192.0.2.1']])
  store.close()
  remove()
})

test('what an interrupted command left beside the damaged database is not put into the new one', async () => {
  const { folder, path, remove } = setUp()
  const command = openStore(path, { create: false })
  command.transaction(() => {
    for (let index = 0; index < 2000; index++)
      command.blocks.add({ ...block, ip: `10.0.${index >> 8}.${index & 255}`, note: 'x'.repeat(9999) })
    // What a kill leaves; the cache has overflowed by then, so that it is written.
    copyFileSync(`${path}-journal`, `${folder}/journal`)
  })
  command.close()
  copyFileSync(`${folder}/journal`, `${path}-journal`)
  empty(path)
  const { store } = await open(path)
  assert.deepEqual(
    store.blocks.allActive(NOW).map(({ ip }) => ip),
    ['192.0.2.1'],
  )
  store.close()
  remove()
})

test('a database behind a link stays where the link says, and its write-ahead log is measured there', async () => {
  const { folder, path: link, remove } = setUp()
  const path = join(folder, 'elsewhere', 'real.db')
  mkdirSync(join(folder, 'elsewhere'))
  renameSync(link, path)
  symlinkSync(path, link)
  const before = await open(link)
  before.store.blocks.add({ ...block, ip: '192.0.2.7' })
  assert.ok(before.store.walBytes() > 0)
  before.store.close()
  writeFileSync(path, 'no database any more '.repeat(1000))
  const { store, isFresh } = await open(link)
  assert.deepEqual([isFresh, readlinkSync(link)], [true, path])
  store.close()
  assert.equal(readFileSync(path, 'latin1').slice(0, 6), 'SQLite')
  assert.deepEqual(
    readdirSync(folder).filter(name => name.includes('damaged')),
    [],
  )
  remove()
})
