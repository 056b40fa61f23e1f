// Runs inside the container that test/integration/systemd.test.ts boots: the whole machine as doctor sees it, well and with faults.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until } from '../../until.ts'

assert.equal(process.env.WITH_SYSTEMD, '1', 'only inside the container')
const LOG = '/var/log/modsecurity/audit.log'
const SETTINGS = '/etc/modwarden/modwarden.toml'
const SHIPPED = fileURLToPath(new URL('../../../modsecurity/audit-log/', import.meta.url))
const skip = existsSync('/etc/modsecurity/modsecurity.conf-recommended') ? false : 'needs apache with ModSecurity 2'

type Row = { check: string; severity: string; about: string | null; what: string; evidence: string | null; remedy: string | null }

const out = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const shell = (command: string) => out('sh', '-c', command)

function doctor(...prefix: string[]): { code: number | null; rows: Row[]; of: (check: string) => Row } {
  const { status, stdout } = spawnSync('env', [...prefix, 'modwarden', 'doctor', '--json'], { encoding: 'utf8' })
  const rows = stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Row)
  return { code: status, rows, of: check => rows.find(row => row.check === check)! }
}

const amiss = (rows: readonly Row[]) => rows.filter(({ severity }) => severity === 'bad' || severity === 'warn').map(({ check }) => check)
const attack = (path: string) => void shell(`curl -s -o /dev/null 'http://127.0.0.1/${path}?arg=../../etc/passwd'`)

before(async () => {
  if (skip) return
  spawnSync('systemctl', ['stop', 'modwarden'])
  for (const suffix of ['', '-wal', '-shm', '.status']) rmSync(`/var/lib/modwarden/modwarden.db${suffix}`, { force: true })
  shell("sed 's/^SecRuleEngine .*/SecRuleEngine On/' /etc/modsecurity/modsecurity.conf-recommended > /etc/modsecurity/modsecurity.conf")
  copyFileSync(`${SHIPPED}modwarden-audit-log-apache.conf`, '/etc/modsecurity/modwarden-audit-log-apache.conf')
  copyFileSync(`${SHIPPED}logrotate-apache`, '/etc/logrotate.d/modwarden-audit-log')
  shell(`install -d -m 2750 -o root -g adm /var/log/modsecurity && install -m 640 -o root -g adm /dev/null ${LOG}`)
  writeFileSync(SETTINGS, '')
  out('systemctl', 'enable', 'modwarden.service', 'modwarden-expire.timer')
  out('systemctl', 'start', 'modwarden', 'modwarden-expire.timer', 'apache2')
  attack('first')
  await until('it is logged', () => readFileSync(LOG, 'utf8').includes('/first'))
  await until('the daemon holds its rules', () => out('iptables', '-S', 'INPUT').includes('MODWARDEN'))
})

test('a machine on which all is well: nothing is bad, and the base model is the only warning', { skip }, () => {
  const { code, rows, of } = doctor()
  assert.deepEqual([code, amiss(rows)], [0, ['model']], JSON.stringify(rows.filter(({ severity }) => severity !== 'ok')))
  for (const check of [
    'service-enabled',
    'service-capabilities',
    'waf-log',
    'log-readable',
    'log-followed',
    'log-held',
    'log-rotation',
    'firewall-first',
  ])
    assert.equal(of(check).severity, 'ok', check)
  assert.equal(of('log-readable').what, 'modwarden can read it')
  assert.equal(of('log-writable').what, 'www-data can write neither it nor its folder')
})

test('it changes nothing: no file of the service is touched', { skip }, () => {
  const state = () =>
    shell(
      'find /etc/modwarden /var/log/modsecurity /run/modwarden /var/lib/modwarden/models -printf "%p %T@ %s %m %u\\n" | sort; ls /var/lib/modwarden',
    )
  const before = state()
  assert.equal(doctor().code, 0)
  assert.equal(state(), before)
})

test('who is not root learns what only root can see', { skip }, () => {
  const { rows, of } = doctor('runuser', '-u', 'nobody', '--')
  assert.equal(of('log-readable').what, 'only root can look as modwarden: run it as root')
  assert.match(of('firewall-rules').what, /only root can look/)
  assert.doesNotMatch(JSON.stringify(rows), /the check itself failed/)
  const text = shell('runuser -u nobody -- modwarden doctor')
  assert.match(text, /\nnothing amiss was found; \d+ fine, \d+ skipped; run it as root to look at the rest\n$/)
})

test('a rule before ours is found, and the command that it tells mends that', { skip }, () => {
  out('iptables', '-I', 'INPUT', '1', '-p', 'tcp', '--dport', '80', '-j', 'ACCEPT')
  const found = doctor()
  assert.deepEqual([found.code, amiss(found.rows)], [1, ['firewall-first', 'model']])
  shell(found.of('firewall-first').remedy!)
  assert.equal(doctor().code, 0)
  out('iptables', '-D', 'INPUT', '-p', 'tcp', '--dport', '80', '-j', 'ACCEPT')
})

test('a log that the user of the service may not read, and the command that mends it', { skip }, () => {
  shell(`chmod 600 ${LOG}`)
  const found = doctor().of('log-readable')
  assert.deepEqual([found.severity, found.about, found.remedy], ['bad', LOG, `chgrp adm ${LOG} && chmod g+r ${LOG}`])
  assert.match(found.evidence!, /^\/var\/log\/modsecurity\/audit\.log is rw------- root:adm; EACCES/)
  shell(found.remedy!)
  assert.equal(doctor().of('log-readable').severity, 'ok')
})

test('the log is rotated as it should be, and all is well behind it', { skip }, async () => {
  out('logrotate', '--force', '/etc/logrotate.d/modwarden-audit-log')
  await until('apache writes to the new file', () => {
    attack('second')
    return readFileSync(LOG, 'utf8').includes('/second')
  })
  await until('the old workers are gone', () => doctor().of('log-held').severity === 'ok')
  assert.deepEqual(amiss(doctor().rows), ['model'])
})

test('a log that the sandbox of the service hides', { skip }, async () => {
  const path = '/tmp/audit.log'
  writeFileSync(path, readFileSync(LOG), { mode: 0o644 })
  writeFileSync(SETTINGS, `audit_log = "${path}"\n`)
  out('systemctl', 'restart', 'modwarden')
  const found = doctor().of('log-readable')
  assert.deepEqual([found.severity, found.about, found.what.slice(0, 35)], ['bad', path, 'the sandbox of the service hides it'])
  rmSync(path)
  writeFileSync(SETTINGS, '')
  out('systemctl', 'restart', 'modwarden')
  assert.equal(doctor().of('log-readable').severity, 'ok')
})

test('a service that is not started at boot, that is stopped, that failed', { skip }, async () => {
  out('systemctl', 'disable', 'modwarden.service')
  assert.equal(doctor().of('service-enabled').remedy, 'systemctl enable --now modwarden.service')
  out('systemctl', 'stop', 'modwarden')
  const stopped = doctor()
  assert.deepEqual([stopped.code, stopped.of('service-running').what], [1, 'the daemon does not run (inactive)'])
  assert.equal(stopped.of('firewall-rules').severity, 'skipped')
  writeFileSync(SETTINGS, 'mode = "destroy"\n')
  spawnSync('systemctl', ['start', 'modwarden'])
  await until('it failed', () => spawnSync('systemctl', ['is-failed', 'modwarden']).status === 0)
  const failed = doctor()
  assert.equal(failed.of('settings').severity, 'bad')
  writeFileSync(SETTINGS, '')
  const running = doctor().of('service-running')
  assert.deepEqual([running.severity, running.what], ['bad', 'the daemon failed, and is not started again'])
  assert.match(running.evidence!, /exit status 78 \(wrong settings\)/)
  chmodSync(SETTINGS, 0o600)
  assert.equal(doctor().of('settings').what, 'modwarden cannot read the settings')
  chmodSync(SETTINGS, 0o644)
  spawnSync('systemctl', ['stop', 'apache2'])
})
