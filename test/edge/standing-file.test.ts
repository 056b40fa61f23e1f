import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { allowLine } from '../../src/core/standing-lines.ts'
import { addToStanding, readStanding, standingPath } from '../../src/edge/standing-file.ts'

test('what a command adds is read although another one had room for half of its line only', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-standing-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const database = join(folder, 'modwarden.db')
  const line = (network: string) => allowLine({ network, reason: 'office', addedAt: 1, expiresAt: Number.POSITIVE_INFINITY })
  writeFileSync(standingPath(database), `${line('192.0.2.1')}\n${line('192.0.2.2').slice(0, 30)}`)
  addToStanding(database, [])
  addToStanding(database, [line('192.0.2.3'), line('192.0.2.4')])
  const read = await readStanding(standingPath(database), 2)
  assert.ok(read.ok)
  assert.deepEqual(
    read.value.reader.allow().map(({ network }) => network),
    ['192.0.2.1', '192.0.2.3', '192.0.2.4'],
  )
  assert.equal(read.value.reader.finish({ isAllowed: () => false, maxBlocks: 10 }).leftOut.malformed, 1)
})
