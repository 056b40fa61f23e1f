// Runs inside the container that test/integration/systemd.test.ts boots, in its third boot: the database is damaged.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isActive, journal, out, property } from './container.ts'

test('a damaged database holds up no boot: it is told, and the network and the daemon come up', () => {
  assert.equal(property('modwarden-restore', 'ActiveState'), 'failed')
  const [line] = journal('modwarden-restore')
  assert.deepEqual([line?.event, line?.level], ['restore.failed', 50])
  assert.match(out('journalctl', '-b', '-p', 'err', '-u', 'modwarden-restore', '-o', 'cat'), /not a database/)
  assert.ok(isActive('network-pre.target'))
  assert.ok(isActive('multi-user.target'))
  assert.ok(isActive('modwarden'))
  assert.ok(journal('modwarden').some(({ event }) => event === 'database.set-aside'))
})
