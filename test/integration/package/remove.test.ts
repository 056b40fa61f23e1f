// Runs inside the container that test/integration/systemd.test.ts boots, last of all: upgrade, removal, reinstallation and purge of the package.
import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { until } from '../../until.ts'
import { DEB, isActive, isDropped, OVERRIDES, out, property, rules, status } from './container.ts'

const NEWER = '/tmp/newer.deb'
const SETTINGS = '/etc/modwarden/modwarden.toml'
const SET_UP = '/var/lib/modwarden-setup'
const FIRST = '/etc/modwarden/conf.d/00-first.toml'
const BLOCKED = '198.51.100.60'
const MODEL = '/var/lib/modwarden/models/2026-01-01T00-00-00Z.json'
const edited = '# edited by hand\nblock_time = "2h"\n'
const install = (path: string) => out('dpkg', '--no-triggers', '--force-confdef', '--force-confold', '-i', path)
const pid = (unit: string) => property(unit, 'MainPID')

/** The same package as a newer version that ships another sample of the settings. */
function makeNewer(): void {
  out('dpkg-deb', '-R', DEB, '/tmp/newer')
  appendFileSync('/tmp/newer/etc/modwarden/modwarden.toml', '\n# new in this version\n')
  const control = readFileSync('/tmp/newer/DEBIAN/control', 'utf8')
  writeFileSync('/tmp/newer/DEBIAN/control', control.replace(/^Version: (.*)$/m, 'Version: $1+1'))
  out('dpkg-deb', '--root-owner-group', '-Znone', '--build', '/tmp/newer', NEWER)
  rmSync('/tmp/newer', { recursive: true })
}

before(async () => {
  makeNewer()
  writeFileSync(SETTINGS, edited)
  assert.ok(!existsSync(FIRST), 'somebody went on to block')
  writeFileSync(MODEL, '{}')
  // As an administrator left them: one stopped, one disabled, the others running.
  out('systemctl', 'stop', 'modwarden-score')
  out('systemctl', 'disable', '--quiet', '--now', 'modwarden-report.timer')
  out('systemctl', 'start', 'modwarden', 'modwarden-train.timer')
  out('modwarden', 'block', BLOCKED, '--for', '1h')
  out('nft', 'add', 'table', 'inet', 'foreign')
  await until('it is dropped', () => isDropped(BLOCKED))
})

test('an upgrade keeps edited settings, restarts what runs and leaves the rest as it is', () => {
  const before = pid('modwarden')
  install(NEWER)
  assert.match(out('dpkg-query', '-W', 'modwarden'), /\+1$/m)
  assert.equal(readFileSync(SETTINGS, 'utf8'), edited)
  assert.match(readFileSync(`${SETTINGS}.dpkg-dist`, 'utf8'), /# new in this version/)
  assert.ok(!existsSync(FIRST), 'what was deleted stays deleted')
  assert.ok(isActive('modwarden'))
  assert.notEqual(pid('modwarden'), before)
  assert.ok(isActive('modwarden-train.timer'))
  assert.equal(isActive('modwarden-score'), false, 'stopped by hand')
  assert.deepEqual([isActive('modwarden-report.timer'), property('modwarden-report.timer', 'UnitFileState')], [false, 'disabled'])
  assert.ok(isDropped(BLOCKED))
  assert.ok(!existsSync('/run/modwarden.stopped'))
})

test('an upgrade with wrong settings does not fail, and says so', () => {
  writeFileSync(SETTINGS, 'block_time = "soon"\n')
  const said = out('sh', '-c', `dpkg --no-triggers --force-confdef --force-confold -i ${NEWER} 2>&1`)
  assert.match(said, /modwarden\.service does not run; see 'journalctl -u modwarden\.service -n 20' and 'modwarden check'/)
  assert.ok(isDropped(BLOCKED))
  writeFileSync(SETTINGS, edited)
  out('systemctl', 'reset-failed', 'modwarden')
  out('systemctl', 'start', 'modwarden')
})

test('a removal takes our rules away, stops everything and keeps the state and the settings', () => {
  // A web server that `modwarden setup` has changed, and nobody has taken that back.
  mkdirSync(SET_UP)
  writeFileSync(`${SET_UP}/manifest.json`, '{}')
  const said = out('sh', '-c', 'dpkg --no-triggers -r modwarden 2>&1')
  assert.match(said, /the web server stays set up for it, .*install it again and run 'modwarden setup --undo'/)
  assert.ok(existsSync(`${SET_UP}/manifest.json`))
  assert.doesNotMatch(rules(), /modwarden/i)
  assert.match(rules(), /table inet foreign/)
  assert.equal(out('systemctl', 'list-units', '--plain', '--no-legend', '--state=active', 'modwarden*'), '')
  assert.equal(status('pgrep', '-u', 'modwarden,modwarden-score,modwarden-notify'), 1, 'no process of theirs')
  for (const path of ['/usr/lib/modwarden', '/usr/bin/modwarden', '/run/modwarden']) assert.ok(!existsSync(path), path)
  for (const path of [MODEL, '/var/lib/modwarden/modwarden.db', SETTINGS]) assert.ok(existsSync(path), path)
})

test('a reinstallation goes on where it was', async () => {
  install(DEB)
  for (const unit of ['modwarden', 'modwarden-score', 'modwarden-train.timer']) assert.ok(isActive(unit), unit)
  assert.equal(isActive('modwarden-report.timer'), false, 'disabled by hand')
  assert.equal(readFileSync(SETTINGS, 'utf8'), edited)
  await until('the block is back', () => isDropped(BLOCKED))
})

test('a purge leaves nothing', () => {
  // What the tests, as an administrator, put there themselves.
  for (const name of readdirSync(OVERRIDES).filter(name => /^modwarden.*\.d$/.test(name)))
    rmSync(join(OVERRIDES, name), { recursive: true })
  writeFileSync('/etc/modwarden/conf.d/50-mine.toml', 'block_time = "3h"\n')
  mkdirSync('/var/lib/modwarden/deep/down', { recursive: true })
  // Taken back by now, which leaves the lock.
  rmSync(`${SET_UP}/manifest.json`)
  writeFileSync(`${SET_UP}/lock`, '')
  out('dpkg', '--no-triggers', '--purge', 'modwarden')
  assert.doesNotMatch(rules(), /modwarden/i)
  const left = out(
    'sh',
    '-c',
    "find /etc /run /srv /opt /var -xdev -iname '*modwarden*' -not -path '/var/log/*' -not -path '/var/cache/man/*' -not -path /opt/modwarden.deb 2>/dev/null || true",
  )
  assert.equal(left, '')
  for (const kind of ['passwd', 'group']) assert.doesNotMatch(readFileSync(`/etc/${kind}`, 'utf8'), /modwarden/)
  assert.equal(property('modwarden', 'LoadState'), 'not-found')
  assert.notEqual(status('dpkg-query', '-W', 'modwarden'), 0)
})
