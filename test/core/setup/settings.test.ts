import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'smol-toml'
import { APACHE_TREE, after, apache, brief, planned, text } from './facts.ts'

const SETTINGS: { name: string; changes: object; enforce?: true; expected: string }[] = [
  { name: 'the log', changes: {}, expected: 'audit_log = "/var/log/modsecurity/audit.log"' },
  {
    name: 'beside logs that an admin follows',
    changes: { settings: [{ name: '/etc/modwarden/modwarden.toml', values: { audit_log: ['/srv/a.log'], mode: 'observe' } }] },
    expected: 'audit_log = ["/srv/a.log","/var/log/modsecurity/audit.log"]',
  },
  { name: 'the group of the web server', changes: { group: 'apache' }, expected: '[score]\ngroup = "apache"' },
  {
    name: 'that it observes, where no package says so and no daemon runs',
    changes: { settings: [], units: new Map() },
    expected: 'mode = "observe"',
  },
]
for (const { name, changes, expected } of SETTINGS)
  test(`the settings say ${name}`, () =>
    assert.ok(text(planned(apache(changes)), '/etc/modwarden/conf.d/50-setup.toml')!.includes(expected)))

test('a daemon that enforces goes on to enforce, and --enforce never says observe', () => {
  for (const facts of [apache({ settings: [] }), apache({ settings: [], units: new Map() })]) {
    const enforce = facts.units.size === 0
    assert.doesNotMatch(text(planned(facts, { enforce }), '/etc/modwarden/conf.d/50-setup.toml')!, /observe/)
  }
})

test('services are started at once and at every boot, or again when their settings have changed', () => {
  const units = new Map([
    ['modwarden.service', { isActive: false, enabled: 'disabled' }],
    ['modwarden-score.service', { isActive: false, enabled: 'enabled' }],
    ['modwarden-expire.timer', { isActive: true, enabled: 'enabled' }],
  ])
  assert.deepEqual(brief(planned(apache({ units })).starts), [
    'systemctl enable --now modwarden.service',
    'systemctl start modwarden-score.service',
  ])
  assert.match(planned(apache({ units: new Map() })).notes.join('\n'), /modwarden's services are not installed here/)
})

test('services are started again after a run that was interrupted, and masked ones are left', () => {
  const done = after(planned(apache()).steps, APACHE_TREE)
  assert.deepEqual(brief(planned(apache({ ...done, isInterrupted: true })).starts), [
    'systemctl daemon-reload',
    'systemctl restart modwarden-score.service modwarden.service',
  ])
  const units = new Map([['modwarden.service', { isActive: false, enabled: 'masked' }]])
  const plan = planned(apache({ units }))
  assert.deepEqual(
    [brief(plan.starts), plan.notes],
    [[], ['modwarden.service is masked and is left so; systemctl unmask modwarden.service']],
  )
})

test('the settings name any path so that TOML reads it', () => {
  const settings = [{ name: '/etc/modwarden/modwarden.toml', values: { audit_log: '/srv/m\u00fcller/\u{1f600}.log', mode: 'observe' } }]
  const written = text(planned(apache({ settings })), '/etc/modwarden/conf.d/50-setup.toml')!
  assert.deepEqual(parse(written).audit_log, ['/srv/m\u00fcller/\u{1f600}.log', '/var/log/modsecurity/audit.log'])
})
