// Runs inside the container that test/integration/systemd.test.ts boots: every unit of the package is as closed as promised, and really so.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { OVERRIDES, out, property, status, UNITS, unitsOf } from './container.ts'

/** A tenth of what systemd-analyze prints. What holds nothing open but the system calls of a program is held to less. */
const MOST_EXPOSED = 16
const LESS_EXPOSED: Readonly<Record<string, number>> = { 'modwarden-report.service': 10, 'modwarden-train.service': 10 }
/** What sends messages must reach others; nothing else may. */
const ONLINE = ['modwarden-notify.service']
const SUID = '/usr/local/bin/whose-rights'
const PROBE = '/usr/local/lib/probe.pl'
const services = unitsOf('service')
const server = createServer(socket => socket.end())

type Outcomes = Readonly<Record<string, string>>

function outcomes(text: string): Outcomes {
  const lines = text.trim().split('\n')
  return Object.fromEntries(lines.map(line => [line.split(' ')[0], line.slice(line.indexOf(' ') + 1)]))
}

before(async () => {
  copyFileSync('test/integration/package/probe.pl', PROBE)
  // A copy of `id` that runs with the rights of its owner, root.
  copyFileSync('/usr/bin/id', SUID)
  chmodSync(SUID, 0o4755)
  mkdirSync('/srv/open')
  chmodSync('/srv/open', 0o777)
  mkdirSync('/home/somebody', { recursive: true })
  for (const path of ['/home/somebody/letter', '/root/letter']) writeFileSync(path, 'dear reader\n')
  // An address that is not of the loopback network, and somebody who listens there.
  out('ip', 'addr', 'add', '198.51.100.1/32', 'dev', 'lo')
  await new Promise<void>(resolve => void server.listen(7777, '198.51.100.1', resolve))
})
after(() => {
  server.close()
  out('ip', 'addr', 'del', '198.51.100.1/32', 'dev', 'lo')
  for (const path of [PROBE, SUID, '/srv/open', '/root/letter', '/home/somebody']) rmSync(path, { recursive: true })
})

for (const unit of services)
  test(`${unit}: systemd-analyze finds it closed, and nothing amiss`, () => {
    out('systemd-analyze', 'security', '--offline=true', `--threshold=${LESS_EXPOSED[unit] ?? MOST_EXPOSED}`, `${UNITS}/${unit}`)
  })

test('systemd-analyze finds nothing amiss in any unit', () => {
  const paths = [...services, ...unitsOf('timer')].map(unit => `${UNITS}/${unit}`)
  assert.ok(paths.length >= 9, 'the units are found at all')
  // What it does not know it only warns of.
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...paths], { encoding: 'utf8' })
  assert.deepEqual([status, stderr], [0, ''])
})

/** Runs the probe in place of every unit's program, everything else of the units as it is, and gives what each could do. */
function probeAll(): Record<string, Outcomes> {
  const folder = (unit: string) => `${OVERRIDES}/${unit}.d`
  for (const unit of services) {
    const state = property(unit, 'StateDirectory').split(' ')[0]!
    const lines = ['[Unit]', 'StartLimitBurst=0', '[Service]', 'Type=oneshot', 'Restart=no', 'WatchdogSec=0']
    lines.push('ExecCondition=', 'ExecStartPre=', 'ExecReload=', 'ExecStart=')
    lines.push(`ExecStart=/usr/bin/perl ${PROBE} /var/lib/${state} ${SUID}`, `StandardOutput=truncate:/run/probe-${unit}`)
    mkdirSync(folder(unit), { recursive: true })
    writeFileSync(`${folder(unit)}/zz-probe.conf`, `${lines.join('\n')}\n`)
  }
  try {
    out('systemctl', 'stop', ...services)
    out('systemctl', 'daemon-reload')
    out('systemctl', 'start', ...services)
    return Object.fromEntries(services.map(unit => [unit, outcomes(readFileSync(`/run/probe-${unit}`, 'utf8'))]))
  } finally {
    for (const unit of services) rmSync(`${folder(unit)}/zz-probe.conf`)
    out('systemctl', 'daemon-reload')
  }
}

const REFUSED = ['open-folder', 'etc', 'usr', 'home', 'root-home', 'raw-socket', 'module', 'setuid', 'user-namespace']

test('outside of a sandbox the probe can do what it tries, as root or as the user of the daemon', t => {
  const asRoot = outcomes(out('perl', PROBE, '/var/lib/modwarden', SUID))
  const asUser = outcomes(out('runuser', '-u', 'modwarden', '--', 'perl', PROBE, '/var/lib/modwarden', SUID))
  assert.deepEqual(
    REFUSED.filter(name => name !== 'module' && asRoot[name] !== 'ok' && asUser[name] !== 'ok'),
    [],
  )
  // A shell is no module, and some kernels take none at all; root may try all the same, unless it is the container that forbids it.
  if (asRoot.module === 'Operation not permitted')
    t.diagnostic('the kernel takes modules, but not from this container: that a unit may load none proves nothing')
  else assert.match(asRoot.module!, /Exec format error|Function not implemented/)
  for (const name of ['own-folder', 'open-folder', 'home', 'network', 'setuid', 'user-namespace']) assert.equal(asUser[name], 'ok', name)
})

let probed: Record<string, Outcomes> = {}
test('the probe runs within every unit', () => {
  probed = probeAll()
})

for (const unit of services)
  test(`${unit}: what its sandbox forbids is refused`, t => {
    assert.notEqual(property(unit, 'User'), '', 'it has a user of its own')
    const found = probed[unit]!
    t.diagnostic(JSON.stringify(found))
    assert.equal(found['own-folder'], 'ok')
    assert.deepEqual(
      REFUSED.filter(name => found[name] === 'ok'),
      [],
    )
    assert.match(found.module!, /Operation not permitted/)
    assert.equal(found.network === 'ok', ONLINE.includes(unit), found.network)
  })

test('the units are as they were', () => {
  assert.equal(status('systemctl', 'start', 'modwarden-report'), 0)
})
