// Runs inside the container that test/integration/systemd.test.ts boots: the unit that fills the firewall at the boot, while the machine runs.
// What it does at a real boot: boot.test.ts.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '../../until.ts'
import { isActive, isDropped, journal, out, property, rules } from './container.ts'

const UNIT = 'modwarden-restore'
const BLOCKED = '198.51.100.50'
const told = (event: string) => journal(UNIT).filter(line => line.event === event).length

before(async () => {
  out('systemctl', 'start', 'modwarden')
  out('modwarden', 'block', BLOCKED, '--for', '1h')
  await until('it is dropped', () => isDropped(BLOCKED))
})
after(() => out('systemctl', 'start', 'modwarden'))

test('beside a running daemon it does nothing', () => {
  out('systemctl', 'start', UNIT)
  assert.equal(property(UNIT, 'Result'), 'exec-condition')
  assert.equal(told('blocks.restored'), 0)
})

test('it fills an empty firewall as the user of the daemon, and the daemon takes the rules over', async t => {
  out('systemctl', 'stop', 'modwarden')
  out('modwarden', 'flush')
  out('nft', 'add', 'table', 'inet', 'foreign')
  const foreign = rules()
  out('systemctl', 'start', UNIT)
  assert.ok(isDropped(BLOCKED))
  assert.ok(rules().includes('table inet foreign'))
  assert.equal(told('blocks.restored'), 1)
  assert.equal(property(UNIT, 'User'), 'modwarden')
  const at = (name: string) => Number(property(UNIT, `ExecMain${name}TimestampMonotonic`))
  t.diagnostic(`${Math.round((at('Exit') - at('Start')) / 1000)} ms`)
  assert.ok(at('Exit') - at('Start') < 4_000_000)
  const repaired = journal('modwarden').filter(line => line.event === 'firewall.repaired').length
  out('systemctl', 'start', 'modwarden')
  assert.ok(isDropped(BLOCKED))
  assert.equal(journal('modwarden').filter(line => line.event === 'firewall.repaired').length, repaired)
  out('systemctl', 'stop', 'modwarden')
  out('modwarden', 'flush')
  assert.equal(rules(), foreign)
  out('nft', 'delete', 'table', 'inet', 'foreign')
})

test('neither it nor the daemon comes or goes with the web server', () => {
  for (const unit of ['modwarden', UNIT])
    for (const name of ['Requires', 'Requisite', 'BindsTo', 'PartOf', 'Wants', 'WantedBy', 'RequiredBy'])
      assert.doesNotMatch(property(unit, name), /apache|nginx/, `${unit}: ${name}`)
  for (const name of ['RequiredBy', 'WantedBy', 'Before', 'BoundBy'])
    assert.doesNotMatch(property('modwarden', name), /apache|nginx|network/)
  assert.equal(isActive('modwarden'), false)
  assert.match(property(UNIT, 'Before'), /network-pre\.target/)
})
