import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createDeniedFile, deniedText } from '../../src/edge/denied-file.ts'

test('a line holds an address or prefix and the second in which its block ends', () => {
  assert.equal(
    deniedText([
      { ip: '192.0.2.1', expires_at: 1_000_001 },
      { ip: '2001:db8::/64', expires_at: null },
    ]),
    '192.0.2.1 1001\n2001:db8::/64 -\n',
  )
})

test('the file is replaced by rename, readable by others, and only when it changes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-denied-'))
  const umask = process.umask(0o077)
  try {
    const path = join(folder, 'denied')
    const file = createDeniedFile()
    const inode = () => statSync(path).ino
    file.update(path, [], false)
    assert.deepEqual(readdirSync(folder), [], 'nothing to refuse needs no file')
    file.update(path, [{ ip: '192.0.2.1', expires_at: 5000 }], false)
    const first = inode()
    assert.equal(statSync(path).mode & 0o777, 0o644)
    file.update(path, [{ ip: '192.0.2.1', expires_at: 5000 }], false)
    assert.equal(inode(), first)
    file.update(path, [], true)
    assert.equal(readFileSync(path, 'utf8'), '')
    assert.deepEqual(readdirSync(folder), ['denied'])
    // What a process before left is replaced at the start.
    writeFileSync(path, '192.0.2.9 -\n')
    createDeniedFile().update(path, [], false)
    assert.equal(readFileSync(path, 'utf8'), '')
  } finally {
    process.umask(umask)
    rmSync(folder, { recursive: true })
  }
})
