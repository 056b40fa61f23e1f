// Runs inside the container that test/integration/systemd.test.ts boots, in its second boot; `prepare-boot` has laid out the disk for it.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { isActive, journal, out, property } from './container.ts'

const at = (unit: string, name: string) => Number(property(unit, `${name}TimestampMonotonic`))
const restored = at('modwarden-restore', 'ExecMainExit')

test('the blocks were in the kernel before the network, and before the daemon', t => {
  assert.ok(readFileSync('/run/seen-before-the-network', 'utf8').includes('198.51.100.50'), 'what the kernel held then')
  assert.equal(journal('modwarden-restore').filter(line => line.event === 'blocks.restored').length, 1)
  assert.ok(restored > 0 && restored <= at('network-pre.target', 'ActiveEnter'))
  assert.ok(restored <= at('modwarden.service', 'ExecMainStart'))
  t.diagnostic(`${Math.round((restored - at('modwarden-restore', 'ExecMainStart')) / 1000)} ms`)
})

test('it waited for the file system of the database, which came late', () => {
  assert.match(out('findmnt', '-n', '-o', 'TARGET', '/var/lib/modwarden'), /modwarden/)
  assert.ok(at('modwarden-restore', 'ExecMainStart') >= at('var-lib-modwarden.mount', 'ActiveEnter'))
  assert.ok(at('var-lib-modwarden.mount', 'ActiveEnter') - at('late-disk.service', 'ExecMainStart') > 500_000)
})

test('the firewall service that flushes everything came before it', () => {
  assert.ok(isActive('nftables'))
  assert.ok(at('nftables', 'ExecMainExit') <= at('modwarden-restore', 'ExecMainStart'))
  assert.match(out('nft', 'list', 'ruleset'), /table inet foreign/)
})

test('the daemon found the kernel in step', () => {
  assert.ok(isActive('modwarden'))
  assert.ok(existsSync('/run/modwarden'))
  assert.deepEqual(
    journal('modwarden').filter(line => line.event === 'firewall.repaired' || Number(line.level) >= 40),
    [],
  )
  assert.match(out('modwarden', 'status'), /the firewall is in step/)
})
