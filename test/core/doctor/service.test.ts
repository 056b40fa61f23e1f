import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DaemonFacts, Unit } from '../../../src/core/doctor/facts.ts'
import { judgeOne, settingsOf } from '../../doctor-facts.ts'

const unit = (id: string, more: Partial<Unit> = {}): Unit => ({
  id,
  isLoaded: true,
  active: 'active',
  enabled: 'enabled',
  result: 'success',
  exitStatus: 0,
  restarts: 0,
  pid: 7,
  ambient: 'cap_net_admin',
  ...more,
})
const units = (daemon: Partial<Unit> = {}, timer: Partial<Unit> = {}) => [
  unit('modwarden.service', daemon),
  unit('modwarden-expire.timer', timer),
]
const NO_STATE: DaemonFacts = { settingsProblem: undefined, state: null }
const RUNNING: DaemonFacts = {
  settingsProblem: undefined,
  state: {
    pid: 7,
    isRunning: true,
    updatedAt: Date.now(),
    startedAt: Date.now() - 60_000,
    mode: 'enforce',
    backend: 'iptables',
    problems: [],
  },
}

const ENABLED: readonly [string, Unit[], severity: string, remedy?: string][] = [
  ['both', units(), 'ok'],
  ['the timer is not', units({}, { enabled: 'disabled' }), 'warn', 'systemctl enable --now modwarden-expire.timer'],
  [
    'neither is',
    units({ enabled: 'disabled' }, { enabled: '' }),
    'warn',
    'systemctl enable --now modwarden.service modwarden-expire.timer',
  ],
  ['only until the next boot', units({ enabled: 'enabled-runtime' }), 'warn', 'systemctl enable --now modwarden.service'],
  ['masked', units({ enabled: 'masked' }), 'warn', 'systemctl enable --now modwarden.service'],
  ['not installed', units({ isLoaded: false }), 'skipped'],
]
for (const [name, found, severity, remedy] of ENABLED)
  test(`service-enabled: ${name}`, () => {
    const verdict = judgeOne('service-enabled', { units: found })
    assert.deepEqual([verdict.severity, verdict.remedy], [severity, remedy])
  })

const STATES: readonly [string, Unit[], DaemonFacts, severity: string, what: RegExp][] = [
  ['it runs', units(), RUNNING, 'ok', /^the daemon has run for 1 min \(pid 7\)$/],
  ['it was stopped', units({ active: 'inactive' }), NO_STATE, 'bad', /does not run \(inactive\)/],
  ['it is started again and again', units({ active: 'activating', restarts: 9 }), NO_STATE, 'bad', /does not run \(activating\)/],
  [
    'it failed, and its number is that of another process now',
    units({ active: 'failed' }),
    RUNNING,
    'bad',
    /failed, and is not started again/,
  ],
  ['another database', units(), NO_STATE, 'warn', /with another database than the settings name/],
  ['no systemd', [], NO_STATE, 'bad', /^the daemon does not run$/],
  ['no systemd, started by hand', [], RUNNING, 'ok', /has run for/],
]
for (const [name, found, daemon, severity, what] of STATES)
  test(`service-running: ${name}`, () => {
    const verdict = judgeOne('service-running', { units: found, daemon })
    assert.equal(verdict.severity, severity)
    assert.match(verdict.what, what)
  })

test('settings: right ones, and an allowlist of everybody', () => {
  const verdict = (values: Record<string, unknown>) => judgeOne('settings', { settings: settingsOf(values) })
  assert.equal(verdict({ allowlist: ['192.0.2.0/24', '10.0.0.0/8'] }).severity, 'ok')
  assert.equal(verdict({ allowlist: ['::/0'] }).severity, 'warn')
})

test('service-capabilities: what the unit lacks is bad, whatever the firewall; nothing is needed where nothing is blocked', () => {
  const verdict = (ambient: string, settings = {}) =>
    judgeOne('service-capabilities', { units: units({ ambient }), daemon: NO_STATE, settings: settingsOf(settings) })
  assert.deepEqual([verdict('').severity, verdict('').what.slice(0, 33)], ['bad', 'the daemon lacks CAP_NET_ADMIN, w'])
  assert.equal(verdict('', { mode: 'observe' }).severity, 'skipped')
  assert.equal(verdict('', { firewall: 'dry-run' }).severity, 'skipped')
  assert.equal(verdict('cap_net_admin').severity, 'ok')
})
