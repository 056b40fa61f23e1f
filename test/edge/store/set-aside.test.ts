import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isCorruption, openReader, openStore } from '../../../src/edge/store/store.ts'

function setUp() {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-aside-'))
  const path = join(folder, 'm.db')
  openStore(path, { create: true }).close()
  return { folder, path, remove: () => rmSync(folder, { recursive: true }) }
}

test('no command makes a sound database of one that a loss of power emptied: what stood would never come back', () => {
  const { path, remove } = setUp()
  writeFileSync(`${path}.standing`, '')
  truncateSync(path)
  for (const open of [() => openStore(path, { create: false }), () => openStore(path, { create: true }), () => openReader(path)])
    assert.throws(open, error => isCorruption(error) && /is empty/.test((error as Error).message))
  rmSync(path)
  openStore(path, { create: true }).close()
  assert.ok(existsSync(path), 'whoever removes it begins anew')
  remove()
})
