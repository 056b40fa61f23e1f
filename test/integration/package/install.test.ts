// Runs inside the container that test/integration/systemd.test.ts boots, first of all: the package is installed there, and left installed.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { v3Entry } from '../../entries.ts'
import { until } from '../../until.ts'
import { DEB, isActive, journal, out, property, rules, status, unitsOf } from './container.ts'

const POLICY = '/usr/sbin/policy-rc.d'
const LOG = '/var/log/modsecurity/audit.log'
const started = [
  'modwarden.service',
  'modwarden-score.service',
  'modwarden-expire.timer',
  'modwarden-report.timer',
  'modwarden-train.timer',
]
const enabled = (unit: string) => property(unit, 'UnitFileState')

test('where policy-rc.d forbids it, an installation starts nothing', () => {
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  out('dpkg', '--no-triggers', '-i', DEB)
  for (const unit of started) assert.deepEqual([enabled(unit), isActive(unit)], ['enabled', false], unit)
  assert.ok(!existsSync('/var/lib/modwarden/modwarden.db'))
  rmSync(POLICY)
  out('dpkg', '--no-triggers', '--purge', 'modwarden')
})

test('an installation starts the daemon, the scoring server and the timers, and says what comes next', () => {
  out('install', '-D', '-m', '640', '-o', 'root', '-g', 'adm', '/dev/null', LOG)
  const said = out('dpkg', '-i', DEB)
  assert.match(
    said,
    /it observes and blocks nobody yet; 'modwarden setup apache' \(or nginx\) goes on, and \/usr\/share\/doc\/modwarden\/docs\/install\.md says how/,
  )
  for (const unit of started) assert.deepEqual([enabled(unit), isActive(unit)], ['enabled', true], unit)
  // For the boot: not now.
  assert.deepEqual([enabled('modwarden-restore.service'), property('modwarden-restore', 'ExecMainStartTimestamp')], ['enabled', ''])
  assert.equal(property('modwarden', 'StatusText'), 'following')
  // Every timer and every service that stays is there, whichever the package has by now.
  const staying = unitsOf('service').filter(name => property(name, 'Type') !== 'oneshot' && name !== 'modwarden-notify.service')
  for (const unit of [...unitsOf('timer'), ...staying]) assert.deepEqual([enabled(unit), isActive(unit)], ['enabled', true], unit)
  // It has nobody to tell anything yet.
  const notify = ['UnitFileState', 'Result', 'ExecMainStatus'].map(name => property('modwarden-notify', name))
  assert.deepEqual(notify, ['enabled', 'success', '0'])
  assert.equal(out('systemctl', 'list-units', '--failed', '--no-legend', '--plain'), '')
})

test('it observes: an attacker is told, and nothing is in the firewall', async () => {
  appendFileSync(LOG, v3Entry({ ip: '192.0.2.1', loggedScore: 9.5 }))
  await until('he is told', () => journal('modwarden').some(line => line.event === 'address.observed' && line.ip === '192.0.2.1'))
  assert.doesNotMatch(rules(), /modwarden/i)
  assert.match(out('modwarden', 'status'), /observ/)
  assert.equal(out('modwarden', 'check'), 'settings, model and database are fine; mode observe, 1 audit log\n')
})

test('what lies there is what the package says, and nobody but root may change it', () => {
  assert.equal(out('dpkg', '--verify', 'modwarden'), '')
  assert.equal(
    out('find', '/usr/lib/modwarden', '/etc/modwarden', '(', '-not', '-user', 'root', '-o', '-perm', '/022', '-not', '-type', 'l', ')'),
    '',
  )
  const conffiles = ['/etc/modwarden/conf.d/00-first.toml', '/etc/modwarden/modwarden.toml']
  assert.deepEqual(readFileSync('/var/lib/dpkg/info/modwarden.conffiles', 'utf8').trim().split('\n'), conffiles)
  assert.equal(readFileSync('/etc/modwarden/modwarden.toml', 'utf8'), readFileSync('docs/modwarden.toml.sample', 'utf8'))
  assert.equal(statSync('/var/lib/modwarden').mode & 0o777, 0o750)
  assert.equal(out('stat', '-c', '%a %U %G', '/var/lib/modwarden-outbox'), '2770 modwarden modwarden-notify\n')
})

test('the manual pages, the completion and the documentation are there', () => {
  assert.match(out('man', '-P', 'cat', 'modwarden'), /modwarden restore/)
  assert.match(out('man', '-P', 'cat', '5', 'modwarden.toml'), /block_time/)
  assert.equal(status('bash', '-c', '. /usr/share/bash-completion/completions/modwarden && complete -p modwarden'), 0)
  for (const path of ['README.md', 'docs/install.md', 'docs/setup.md', 'docs/operate.md', 'copyright', 'changelog.gz', 'node.LICENSE.gz'])
    assert.ok(existsSync(`/usr/share/doc/modwarden/${path}`), path)
  // Every path of the documentation that the units name is there.
  for (const unit of unitsOf('service'))
    for (const [, path] of property(unit, 'Documentation').matchAll(/file:\/\/(\S+)/g)) assert.ok(existsSync(path!), `${unit}: ${path}`)
})

test('the package carries its own Node, and needs none of the system', () => {
  const bare = spawnSync('env', ['-i', 'PATH=/usr/bin:/bin', 'modwarden', '--version'], { encoding: 'utf8' })
  assert.match(bare.stdout, /^\d+\.\d+\.\d+\n$/, bare.stderr)
  assert.match(out('/usr/lib/modwarden/node', '--version'), /^v24\./)
})
