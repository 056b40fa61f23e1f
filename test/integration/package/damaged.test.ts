// Runs inside the container that test/integration/systemd.test.ts boots, in its third boot: the database is damaged.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isActive, isDropped, journal, out, property } from './container.ts'

test('a damaged database holds up no boot: it is told, and the network and the daemon come up', () => {
  assert.equal(property('modwarden-restore', 'Result'), 'success')
  const [line, restored] = journal('modwarden-restore')
  assert.deepEqual([line?.event, line?.level], ['database.damaged', 50])
  assert.equal(restored?.event, 'blocks.restored')
  assert.ok(isDropped('198.51.100.50'))
  assert.match(out('journalctl', '-b', '-p', 'err', '-u', 'modwarden-restore', '-o', 'cat'), /not a database/)
  assert.ok(isActive('network-pre.target'))
  assert.ok(isActive('multi-user.target'))
  assert.ok(isActive('modwarden'))
  assert.ok(journal('modwarden').some(({ event }) => event === 'database.set-aside'))
  assert.match(out('modwarden', 'blocks'), /198\.51\.100\.50 .*manual/)
})
