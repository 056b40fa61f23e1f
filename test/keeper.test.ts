import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import Sqlite from 'better-sqlite3'
import { createAllowed, neverBlocked } from '../src/allowed.ts'
import { parseSettings } from '../src/core/settings.ts'
import { isPassing, openStore } from '../src/edge/store/store.ts'
import { createKeeper } from '../src/keeper.ts'
import { createNarrate } from '../src/narrate.ts'

const NOW = 1_800_000_000_000

test('the block of what is allowed is lifted a little later when another process held the database just then', () => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-keeper-'))
  const path = join(folder, 'm.db')
  const store = openStore(path, { create: true })
  const settings = parseSettings([{ name: 'test', values: {} }])
  assert.ok(settings.ok)
  const clock = () => NOW
  const silent = { error: () => {}, warn: () => {}, info: () => {} } as never
  const allowed = createAllowed(
    () => neverBlocked(settings.value, store, NOW),
    () => [],
  )
  const keeper = createKeeper({
    ...{ store, settings: () => settings.value, allowed, clock, onChange: () => {} },
    ...{ narrate: createNarrate(silent, clock), health: {} as never },
  })
  store.blocks.add({ ip: '192.0.2.1', reason: 'manual', score: 0, threatCount: 0, blockedAt: NOW, expiresAt: NOW + 1 })
  store.allow.add({ network: '192.0.2.1', reason: '', addedAt: NOW, expiresAt: Number.POSITIVE_INFINITY })
  const other = new Sqlite(path)
  other.exec('BEGIN IMMEDIATE')
  assert.throws(keeper.refreshAllowed, isPassing)
  other.exec('ROLLBACK')
  keeper.refreshAllowed()
  assert.deepEqual(store.blocks.allActive(NOW), [])
  other.close()
  store.close()
  rmSync(folder, { recursive: true })
})
