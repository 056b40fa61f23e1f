// Runs inside the container that test/integration/systemd.test.ts boots: other people's firewalls beside the real service, and their reloads.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { until } from '../../until.ts'
import { isActive, journal, out } from './container.ts'

const SETTINGS = '/etc/modwarden/modwarden.toml'
const BLOCKED = '198.51.100.66'
/** Somebody else's change of the firewall is put right within this. */
const REPAIR = 5000
/** Where scripts/setup-debian keeps the packages of other firewalls, for this container only. */
const PACKAGES = '.work/firewalls'

const iptables = () => out('iptables', '-S')
const isFirst = () => /-A INPUT .*\n/.exec(iptables())?.[0] === '-A INPUT -j MODWARDEN\n'
const held = {
  iptables: () => isFirst() && iptables().includes(`-A MODWARDEN -s ${BLOCKED}/32 -j DROP`),
  nftables: () => spawnSync('nft', ['list', 'table', 'inet', 'modwarden'], { encoding: 'utf8' }).stdout.includes(BLOCKED),
}
type Backend = keyof typeof held

/** Rules of somebody else, of both kinds, as the kernel prints them. */
const foreign = () => [out('nft', 'list', 'table', 'inet', 'foreign'), iptables().replace(/^.*MODWARDEN.*\n/gm, '')].join('\n')

async function useBackend(backend: Backend): Promise<void> {
  writeFileSync(SETTINGS, `firewall = "${backend}"\n`)
  out('systemctl', 'restart', 'modwarden')
  await until(`${backend} holds the block`, held[backend])
}

/** Does something to the firewall, and waits until our block is back; says how long it took. */
async function repaired(backend: Backend, damage: () => void): Promise<number> {
  damage()
  const began = Date.now()
  await until(`${backend} holds the block again`, held[backend])
  const took = Date.now() - began
  assert.ok(took < REPAIR, `${took} ms`)
  return took
}

before(() => {
  writeFileSync(SETTINGS, 'firewall = "iptables"\n')
  out('systemctl', 'restart', 'modwarden')
  out('modwarden', 'block', BLOCKED, '--for', '1h')
  writeFileSync(
    '/etc/nftables.conf',
    '#!/usr/sbin/nft -f\nflush ruleset\ntable inet foreign {\n  set guests { type ipv4_addr; elements = { 203.0.113.5 } }\n' +
      '  chain input { type filter hook input priority 0; tcp dport 9 counter drop; ip saddr @guests accept; }\n}\n',
  )
})
after(() => {
  // They would start at the next boot.
  for (const other of ['ufw', 'firewalld']) spawnSync('systemctl', ['disable', '--quiet', '--now', other])
  out('systemctl', 'stop', 'modwarden', 'nftables')
  writeFileSync(SETTINGS, '')
  out('modwarden', 'unblock', BLOCKED)
  out('modwarden', 'flush')
  out('nft', 'flush', 'ruleset')
})

for (const backend of ['iptables', 'nftables'] as const)
  test(`a restart of nftables.service takes nothing but our rules, which are back within 5 s (${backend})`, async t => {
    await useBackend(backend)
    out('systemctl', 'start', 'nftables')
    await until('our block is back', held[backend])
    // The service lists what it loaded; its counters count on.
    const loaded = out('nft', '-s', 'list', 'table', 'inet', 'foreign')
    const took = await repaired(backend, () => out('systemctl', 'restart', 'nftables'))
    t.diagnostic(`${took} ms`)
    assert.equal(out('nft', '-s', 'list', 'table', 'inet', 'foreign'), loaded)
    await until('the journal tells it', () => journal('modwarden').some(line => line.event === 'firewall.repaired'))
    assert.ok(isActive('modwarden'))
  })

test('whatever modwarden does, the rules of others stay as they are', async () => {
  for (const rule of ['-N FOREIGN', '-A FOREIGN -s 203.0.113.7/32 -j REJECT', '-A INPUT -j FOREIGN', '-A INPUT -i lo -j ACCEPT'])
    out('iptables', ...rule.split(' '))
  const before = foreign()
  const same = (when: string) => assert.equal(foreign(), before, when)
  for (const backend of ['iptables', 'nftables'] as const) {
    await useBackend(backend)
    same(`start with ${backend}`)
    out('modwarden', 'block', '203.0.113.0/24', '--for', '1h')
    await until('it is dropped', () => out('nft', 'list', 'ruleset').includes('203.0.113.0'))
    same('block')
    out('modwarden', 'unblock', '203.0.113.0/24')
    await until('it is open', () => !out('nft', 'list', 'ruleset').includes('203.0.113.0'))
    same('unblock')
  }
  out('systemctl', 'stop', 'modwarden')
  same('stop')
  out('modwarden', 'flush')
  same('flush')
})

const debs = existsSync(PACKAGES) ? readdirSync(PACKAGES).map(name => `${PACKAGES}/${name}`) : []
const isThere = (program: string) => debs.some(path => path.includes(`/${program}_`)) || spawnSync(program, ['--version']).status === 0
const skip = (program: string) => (isThere(program) ? false : `needs the package ${program} (scripts/setup-debian fetches it)`)

test('beside ufw and its reload', { skip: skip('ufw') }, async t => {
  out('nft', 'flush', 'ruleset')
  await useBackend('iptables')
  install('ufw')
  out('ufw', 'allow', '22/tcp')
  out('ufw', '--force', 'enable')
  await until('our chain stands before those of ufw', held.iptables)
  const theirs = () => iptables().replace(/^.*MODWARDEN.*\n/gm, '')
  const before = theirs()
  assert.match(before, /-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT/)
  t.diagnostic(`${await repaired('iptables', () => out('ufw', 'reload'))} ms after a reload`)
  t.diagnostic(`${await repaired('iptables', () => out('systemctl', 'restart', 'ufw'))} ms after a restart`)
  assert.equal(theirs(), before)
  out('systemctl', 'stop', 'modwarden')
  out('modwarden', 'flush')
  assert.equal(iptables(), before)
  out('ufw', '--force', 'disable')
})

test('beside firewalld and its reload', { skip: skip('firewalld') }, async t => {
  out('nft', 'flush', 'ruleset')
  install('firewalld')
  out('systemctl', 'restart', 'firewalld')
  out('firewall-cmd', '--permanent', '--add-port=4711/tcp')
  out('firewall-cmd', '--reload')
  const theirs = () => spawnSync('nft', ['-s', 'list', 'table', 'inet', 'firewalld'], { encoding: 'utf8' }).stdout
  const before = theirs()
  assert.match(before, /tcp dport 4711/)
  await useBackend('nftables')
  t.diagnostic(`${await repaired('nftables', () => out('firewall-cmd', '--reload'))} ms after a reload`)
  await useBackend('iptables')
  t.diagnostic(`${await repaired('iptables', () => out('systemctl', 'restart', 'firewalld'))} ms after a restart`)
  await until('the rules of firewalld are as they were', () => theirs() === before)
  out('systemctl', 'stop', 'firewalld')
})

let isInstalled = false
/** Installs the packages that were fetched; what they start is stopped again. */
function install(service: string): void {
  if (!isInstalled && debs.length > 0) out('dpkg', '--no-triggers', '--path-exclude=/usr/share/man/*', '-i', ...debs)
  isInstalled = true
  for (const other of ['ufw', 'firewalld'].filter(name => name !== service)) spawnSync('systemctl', ['stop', other])
}
