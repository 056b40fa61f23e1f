import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { DaemonFacts, Unit } from '../../../src/core/doctor/facts.ts'
import { findPrograms, lookAtFirewall, lookAtProcess } from '../../../src/edge/doctor/machine.ts'
import { SYSTEM } from '../../../src/edge/doctor/places.ts'
import { judge, judgeOne, settingsOf } from '../../doctor-facts.ts'
import { createNamespace, whyNoNamespace } from '../../netns.ts'
import { until } from '../../until.ts'

const skip = whyNoNamespace() ?? false
const top = mkdtempSync(join(tmpdir(), 'modwarden-machine-'))
after(() => rmSync(top, { recursive: true }))

const running = (backend = 'iptables'): DaemonFacts => ({
  settingsProblem: undefined,
  state: { pid: 1, isRunning: true, updatedAt: Date.now(), startedAt: 0, mode: 'enforce', backend, problems: [] },
})
const NOTHING = ':MODWARDEN - [0:0]\n'

/** A network namespace of its own with these rules, and the facts about its firewall. */
async function firewallWith(
  ipv4: string,
  ipv6: string,
  work: (space: ReturnType<typeof createNamespace>) => Promise<void> = async () => {},
) {
  const space = createNamespace()
  try {
    await space.run('iptables-restore', [], `*filter\n${ipv4}COMMIT\n`)
    await space.run('ip6tables-restore', [], `*filter\n${ipv6}COMMIT\n`)
    await work(space)
    const addresses = await space.run('cat', ['/proc/net/if_inet6'])
    const proc = mkdtempSync(join(top, 'proc-'))
    mkdirSync(join(proc, 'net'))
    writeFileSync(join(proc, 'net/if_inet6'), addresses)
    return await lookAtFirewall({ ...SYSTEM, proc, run: space.run })
  } finally {
    space.remove()
  }
}

const JUMP = `${NOTHING}-A INPUT -j MODWARDEN\n`
const addIpv6 = async (space: ReturnType<typeof createNamespace>) => {
  await space.run('ip', ['link', 'add', 'net0', 'type', 'veth', 'peer', 'name', 'net1'])
  await space.run('ip', ['addr', 'add', '2001:db8::1/64', 'dev', 'net0', 'nodad'])
}
const programs = { missing: [], iptables: 'nft' as const, manager: 'apt-get' as const }
const facts = { daemon: running(), programs }

test('firewall: our chain first in both families is all that is wanted', { skip }, async () => {
  const firewall = await firewallWith(JUMP, JUMP, addIpv6)
  assert.ok(firewall.hasIpv6)
  for (const id of ['firewall-rules', 'firewall-ipv6']) assert.equal(judgeOne(id, { ...facts, firewall }).severity, 'ok', id)
  for (const id of ['firewall-first', 'firewall-established'])
    assert.deepEqual(
      judge(id, { ...facts, firewall }).map(({ severity, about }) => [severity, about]),
      [
        ['ok', 'INPUT (IPv4)'],
        ['ok', 'INPUT (IPv6)'],
      ],
      id,
    )
  assert.equal(judgeOne('firewall-docker', { firewall }).severity, 'skipped')
})

test('firewall-rules: a flushed firewall, a table that is not there', { skip }, async () => {
  const firewall = await firewallWith('', JUMP)
  const found = judgeOne('firewall-rules', { ...facts, firewall })
  assert.deepEqual([found.severity, found.evidence], ['bad', 'IPv4: no jump from INPUT'])
  const nftables = { ...facts, daemon: running('nftables'), firewall }
  assert.match(judgeOne('firewall-rules', nftables).evidence!, /there is no table inet modwarden/)
  const table = 'table inet modwarden {\n  chain input { type filter hook input priority -10; policy accept; }\n}'
  const held = await firewallWith('', '', async space => void (await space.run('nft', ['-f', '-'], `${table}\n`)))
  assert.equal(judgeOne('firewall-rules', { ...nftables, firewall: held }).severity, 'ok')
  const both = { ...nftables, firewall: held, settings: settingsOf({ chains: ['INPUT', 'DOCKER-USER'] }) }
  assert.equal(judgeOne('firewall-rules', both).evidence, 'the table has no hook forward')
  const away = { ...facts, daemon: { ...running(), state: null }, firewall }
  assert.equal(judgeOne('firewall-rules', away).severity, 'skipped')
  assert.equal(judgeOne('firewall-rules', { ...facts, firewall, settings: settingsOf({ mode: 'observe' }) }).severity, 'skipped')
})

const UFW = ':ufw-before - [0:0]\n:ufw-user - [0:0]\n'
const BEFORE: readonly [name: string, rules: string, first: string, established: string][] = [
  ['a counter', '-A INPUT -p tcp\n', 'warn', 'ok'],
  ['loopback', '-A INPUT -i lo -j ACCEPT\n', 'warn', 'ok'],
  ['established', '-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n', 'ok', 'bad'],
  ['established, in words of old', '-A INPUT -m state --state ESTABLISHED -j ACCEPT\n', 'ok', 'bad'],
  ['the web', '-A INPUT -p tcp -m tcp --dport 443 -j ACCEPT\n', 'bad', 'ok'],
  ['new connections too', '-A INPUT -p tcp -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT\n', 'bad', 'ok'],
  ['all but new ones', '-A INPUT -m conntrack ! --ctstate INVALID -j ACCEPT\n', 'bad', 'ok'],
  [
    'chains of ufw',
    `${UFW}-A INPUT -j ufw-before\n-A ufw-before -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A ufw-before -j ufw-user\n-A ufw-user -p tcp --dport 80 -j ACCEPT\n`,
    'bad',
    'bad',
  ],
  [
    'a chain that accepts nothing',
    ':f2b - [0:0]\n-A INPUT -p tcp -j f2b\n-A f2b -s 192.0.2.1/32 -j REJECT\n-A f2b -j RETURN\n',
    'warn',
    'ok',
  ],
]
for (const [name, rules, first, established] of BEFORE)
  test(`firewall-first, firewall-established: ${name} before ours`, { skip }, async () => {
    const firewall = await firewallWith(`${NOTHING}${rules}-A INPUT -j MODWARDEN\n`, JUMP)
    const withoutConntrack = { ...facts, firewall, programs: { ...programs, missing: ['conntrack'] } }
    const found = ['firewall-first', 'firewall-established'].map(id => judge(id, withoutConntrack).map(({ severity }) => severity)[0])
    assert.deepEqual(found, [first, established])
  })

test('firewall-first: the command puts ours first in one transaction; with conntrack an established rule is a warning', {
  skip,
}, async () => {
  const rules = `${NOTHING}-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A INPUT -p tcp --dport 80 -j ACCEPT\n-A INPUT -j MODWARDEN\n`
  const firewall = await firewallWith(rules, JUMP)
  const [found] = judge('firewall-first', { ...facts, firewall })
  assert.equal(found!.severity, 'bad')
  assert.equal(judge('firewall-established', { ...facts, firewall })[0]!.severity, 'warn')
  const mended = await firewallWith(rules, JUMP, async space => void (await space.run('sh', ['-c', found!.remedy!])))
  assert.equal(judge('firewall-first', { ...facts, firewall: mended })[0]!.severity, 'ok')
  assert.equal(judge('firewall-established', { ...facts, firewall: mended })[0]!.severity, 'ok')
  assert.equal(judgeOne('firewall-first', { ...facts, firewall, daemon: running('nftables') }).severity, 'ok')
})

test('firewall-docker: a chain DOCKER-USER that is not covered', { skip }, async () => {
  const firewall = await firewallWith(`${JUMP}:DOCKER-USER - [0:0]\n`, JUMP)
  const found = judgeOne('firewall-docker', { firewall })
  assert.deepEqual(
    [found.severity, found.remedy],
    [
      'warn',
      `mkdir -p /etc/modwarden/conf.d && printf '%s\\n' 'chains = ["INPUT", "DOCKER-USER"]' > /etc/modwarden/conf.d/90-docker.toml && systemctl restart modwarden`,
    ],
  )
  for (const chains of [['INPUT', 'DOCKER-USER'], ['FORWARD']])
    assert.equal(judgeOne('firewall-docker', { firewall, settings: settingsOf({ chains }) }).severity, 'ok')
})

test('firewall-ipv6: the jump is missing there, or ip6tables is', { skip }, async () => {
  const open = await firewallWith(JUMP, '', addIpv6)
  const found = judgeOne('firewall-ipv6', { ...facts, firewall: open })
  assert.deepEqual([found.severity, found.what], ['bad', 'IPv6 is open: blocked addresses are dropped in IPv4 only'])
  assert.equal(judgeOne('firewall-ipv6', { ...facts, firewall: open, daemon: running('nftables') }).severity, 'ok')
  assert.equal(judgeOne('firewall-ipv6', { ...facts, firewall: { ...open, hasIpv6: false } }).severity, 'skipped')
  const space = createNamespace()
  try {
    await space.run('iptables-restore', [], `*filter\n${JUMP}COMMIT\n`)
    const run = (program: string, args: readonly string[]) =>
      program.startsWith('ip6') ? SYSTEM.run(`no-such-${program}`, args) : space.run(program, args)
    const without = { ...(await lookAtFirewall({ ...SYSTEM, run })), hasIpv6: true }
    const missing = judgeOne('firewall-ipv6', { ...facts, firewall: without })
    assert.deepEqual([missing.severity, missing.remedy], ['bad', 'apt-get install iptables && systemctl restart modwarden'])
    assert.match(missing.evidence!, /install the package iptables/)
  } finally {
    space.remove()
  }
})

test('programs: what a backend starts is installed, or not', async () => {
  const folder = mkdtempSync(join(top, 'bin-'))
  const install = (...names: string[]) => names.forEach(name => void writeFileSync(join(folder, name), '', { mode: 0o755 }))
  const verdict = async (firewall: string) =>
    judgeOne('programs', { settings: settingsOf({ firewall }), programs: await findPrograms({ ...SYSTEM, programs: [folder] }) })
  assert.deepEqual([(await verdict('auto')).severity, (await verdict('auto')).remedy], ['bad', 'apt-get install iptables nftables'])
  install('iptables-save', 'iptables-restore')
  assert.equal((await verdict('iptables')).evidence, 'ip6tables-save, ip6tables-restore')
  install('ip6tables-save', 'ip6tables-restore')
  assert.deepEqual(
    [(await verdict('auto')).severity, (await verdict('nftables')).severity, (await verdict('iptables')).severity],
    ['warn', 'bad', 'warn'],
  )
  assert.match((await verdict('iptables')).what, /^conntrack is missing/)
  install('conntrack')
  assert.equal((await verdict('iptables')).severity, 'ok')
  assert.equal((await verdict('ipset')).evidence, 'ipset')
  install('nft')
  chmodSync(join(folder, 'nft'), 0o644)
  assert.equal((await verdict('auto')).severity, 'warn', 'it cannot be run')
  chmodSync(join(folder, 'nft'), 0o755)
  assert.equal((await verdict('auto')).severity, 'ok')
})

test('programs: where there is dnf, its packages are named', async () => {
  const folder = mkdtempSync(join(top, 'bin-'))
  const install = (...names: string[]) => names.forEach(name => void writeFileSync(join(folder, name), '', { mode: 0o755 }))
  const remedy = async () => judgeOne('programs', { programs: await findPrograms({ ...SYSTEM, programs: [folder] }) }).remedy
  install('dnf')
  assert.equal(await remedy(), 'dnf install iptables-nft nftables')
  install('nft', 'iptables-save', 'iptables-restore', 'ip6tables-save', 'ip6tables-restore')
  assert.equal(await remedy(), 'dnf install conntrack-tools && systemctl restart modwarden')
  install('apt-get')
  assert.equal(await remedy(), 'apt-get install conntrack && systemctl restart modwarden')
})

/** Runs a program while its facts are looked at. */
async function withProcess<T>(command: readonly string[], work: (pid: number) => T): Promise<T> {
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout!.on('data', chunk => {
    out += chunk
  })
  try {
    await until('it is ready', () => out.includes('ready'))
    return work(child.pid!)
  } finally {
    child.kill('SIGKILL')
  }
}

const READY = ['sh', '-c', 'echo ready; exec sleep 60']

test('service-capabilities: what the running process may do', { skip }, async () => {
  const held = (...drop: string[]) =>
    withProcess(['setpriv', ...(drop.length === 0 ? [] : [`--bounding-set=${drop.join()}`, `--inh-caps=${drop.join()}`]), ...READY], pid =>
      lookAtProcess('/proc', pid),
    )
  const [all, noRaw, noAdmin] = [await held(), await held('-net_raw'), await held('-net_admin')]
  const verdict = (process: typeof all, firewall: string, more = {}) =>
    judgeOne('service-capabilities', { ...facts, settings: settingsOf({ firewall }), process, ...more })
  assert.equal(verdict(all, 'ipset').severity, 'ok')
  const found = verdict(noRaw, 'ipset')
  assert.equal(found.severity, 'bad')
  assert.match(found.what, /\/usr\/lib\/systemd\/system\/modwarden\.service\.d\/net-raw\.conf\.example/)
  assert.equal(verdict(noRaw, 'auto').severity, 'ok')
  assert.equal(verdict(noRaw, 'auto', { programs: { ...programs, iptables: 'legacy' } }).severity, 'bad')
  assert.equal(verdict(noRaw, 'nftables', { programs: { ...programs, iptables: 'legacy' } }).severity, 'ok')
  assert.match(verdict(noAdmin, 'nftables').what, /lacks CAP_NET_ADMIN/)
  const withSets = await firewallWith(JUMP, JUMP, async space => {
    await space.run('ipset', ['create', 'others', 'hash:ip'])
    await space.run('iptables', ['-A', 'INPUT', '-m', 'set', '--match-set', 'others', 'src', '-j', 'DROP'])
  })
  assert.match(verdict(noRaw, 'auto', { firewall: withSets }).what, /rules of others match an ipset/)
})

test('service-capabilities: a stopped service is judged by its unit', () => {
  const unit = (ambient: string): Unit => ({
    id: 'modwarden.service',
    isLoaded: true,
    active: 'inactive',
    enabled: 'enabled',
    result: 'success',
    exitStatus: 0,
    restarts: 0,
    pid: 0,
    ambient,
  })
  const verdict = (ambient: string) =>
    judgeOne('service-capabilities', {
      daemon: { settingsProblem: undefined, state: null },
      settings: settingsOf({ firewall: 'ipset' }),
      units: [unit(ambient)],
    })
  assert.equal(verdict('cap_net_admin cap_net_raw').severity, 'ok')
  assert.match(verdict('cap_net_admin').what, /lacks CAP_NET_RAW/)
  assert.match(verdict('').what, /lacks CAP_NET_ADMIN/)
})

test('service-limits: a process that has nearly all of its files open', async () => {
  const opening = (count: number) => [
    'sh',
    '-c',
    'ulimit -n 100; exec "$@"',
    'sh',
    process.execPath,
    '-e',
    `for (let i = 0; i < ${count}; i++) require('node:fs').openSync('/dev/null'); console.log('ready'); setInterval(() => {}, 1000)`,
  ]
  const verdict = async (count: number) =>
    judgeOne('service-limits', { process: await withProcess(opening(count), pid => lookAtProcess('/proc', pid)) })
  assert.equal((await verdict(5)).severity, 'ok')
  const found = await verdict(65)
  assert.equal(found.severity, 'warn')
  assert.match(found.evidence!, /^\d\d of 100 file descriptors$/)
})
