// Runs inside the container that test/integration/setup.test.ts boots: Debian's Apache, from every side.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { after, afterEach, before, test } from 'node:test'
import { until } from '../../until.ts'
import {
  ATTACK,
  access,
  asked,
  assertSame,
  get,
  gid,
  isActive,
  LOG,
  MANIFEST,
  mayRead,
  modwarden,
  out,
  services,
  setUp,
  snapshot,
} from './machine.ts'

const MODULE = '/usr/lib/apache2/modules/mod_security2.so'
const BEFORE_CRS = '/etc/modsecurity/crs/REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf'
const SETTINGS = '/etc/modwarden/conf.d/50-setup.toml'
const DOMAIN = 'shop.example.com'
let first: Map<string, string>

before(() => {
  out('make-ssl-cert', 'generate-default-snakeoil', '--force-overwrite')
  out('systemctl', 'restart', 'apache2')
  first = snapshot()
})
afterEach(() => {
  if (existsSync(MANIFEST)) modwarden('setup', '--undo', '--yes')
  rmSync('/var/log/modsecurity', { recursive: true, force: true })
})
after(() => {
  out('systemctl', 'stop', 'apache2')
  services('back')
})

/** Turns ModSecurity off or on in Apache, as an admin does. */
function turnModule(state: 'off' | 'on'): void {
  if (state === 'off') out('a2dismod', '-q', '-f', 'security2', 'unique_id')
  else out('a2enmod', '-q', 'unique_id', 'security2')
  out('systemctl', 'restart', 'apache2')
}

test('without --enforce nothing is denied and nobody is blocked, and all the rest works', async () => {
  turnModule('off')
  const said = setUp('apache')
  assert.match(said, /^ModSecurity looks on and denies nothing; modwarden observes and blocks nobody\.$/m)
  assert.equal(get(ATTACK).status, 200)
  await until('the attack is logged', () => readFileSync(LOG, 'latin1').includes(`GET ${ATTACK} HTTP`))
  assert.match(asked(), /protocol="inline",/, 'the plugin asks the scorer')
  assert.equal(JSON.parse(modwarden('status', '--json').said).mode, 'observe')

  assert.equal(access('/var/log/modsecurity'), `2750 0:${gid('adm')}`)
  assert.equal(access(LOG), `640 0:${gid('adm')}`)
  assert.ok(mayRead('modwarden', LOG, 'adm'), 'the daemon reads it without a capability')
  assert.ok(!mayRead('www-data', LOG))
  assert.doesNotMatch(said, /^warning/m)
  out('logrotate', '--force', '/etc/logrotate.d/modwarden-audit-log')
  assert.equal(access(LOG), `640 0:${gid('adm')}`)

  const manifest = readFileSync(MANIFEST, 'utf8')
  const nothing = 'Nothing to do: everything is as setup would make it.\n'
  assert.ok(
    setUp('apache').startsWith(`${nothing}apache2 was asked for a page, and that stands in the audit log.\nmodwarden has read it.\n`),
  )
  assert.equal(readFileSync(MANIFEST, 'utf8'), manifest)

  assert.match(setUp('apache', '--enforce'), /ModSecurity denies what its rules object to; modwarden blocks/)
  assert.equal(get(ATTACK).status, 403)
  // What was asked for once is not taken away by asking for less.
  assert.ok(modwarden('setup', 'apache', '--dry-run').said.includes(nothing))
  setUp('apache', '--undo')
  assert.equal(get(ATTACK).status, 200)
  assert.ok(!isActive('modwarden') && !isActive('modwarden-score') && !existsSync(MANIFEST))
  turnModule('on')
  rmSync('/var/log/modsecurity', { recursive: true })
  assertSame(first, snapshot())
  services('away')
  first = snapshot()
})

test('nothing is changed without a yes: no terminal, a no, a dry run', () => {
  const cases: [string[], number, RegExp][] = [
    [['setup', 'apache'], 64, /no terminal to ask on: --yes makes the changes, --dry-run only shows them/],
    [['setup', '--undo'], 0, /^$/],
  ]
  for (const [args, code, errors] of cases) {
    const ran = modwarden(...args)
    assert.equal(ran.code, code, args.join(' '))
    assert.match(ran.errors, errors)
  }
  const dry = modwarden('setup', 'apache', '--dry-run')
  assert.equal(dry.code, 0, dry.errors)
  assert.match(dry.said, /^ {4}\+Include \/etc\/modsecurity\/plugins\/machine-learning-before\.conf$/m)
  const answered = out('sh', '-c', "echo n | script -qec 'modwarden setup apache' /dev/null; true")
  assert.match(answered, /Make these changes\? \[y\/N\] [\s\S]*Nothing was changed\./)
  assert.ok(!existsSync(MANIFEST))
  assertSame(first, snapshot())
})

test('what is missing or broken before is told with its remedy', () => {
  const told = (pattern: RegExp, ...more: string[]): void => {
    const { code, errors } = modwarden('setup', 'apache', ...more, '--yes')
    assert.equal(code, 1, errors)
    assert.match(errors, pattern)
    assert.ok(!existsSync(MANIFEST))
  }
  const hidden = (path: string, pattern: RegExp): void => {
    out('mv', path, '/root/hidden')
    told(pattern)
    out('mv', '/root/hidden', path)
  }
  writeFileSync('/etc/apache2/conf-enabled/broken.conf', 'Nonsense on\n')
  told(/does not pass its own test, before setup has changed anything; mend that first:\n[\s\S]*Invalid command 'Nonsense'/)
  unlinkSync('/etc/apache2/conf-enabled/broken.conf')
  hidden('/usr/sbin/apache2ctl', /Apache is not installed; apt-get install apache2 libapache2-mod-security2/)
  hidden('/usr/share/modsecurity-crs/owasp-crs.load', /the OWASP Core Rule Set is not loaded, .*apt-get install modsecurity-crs/)
  writeFileSync('/etc/modwarden/conf.d/60-own.toml', 'mode = "observe"\n')
  told(/60-own\.toml says mode = "observe", which --enforce cannot overrule; remove that line/, '--enforce')
  unlinkSync('/etc/modwarden/conf.d/60-own.toml')
})

test('a configuration that the server refuses is taken back whole, with its own words', () => {
  // This ModSecurity does not know SecAuditLogFormat, as where it is built without JSON. The server that runs keeps the file that it has.
  out('mv', MODULE, '/root/module')
  writeFileSync(MODULE, readFileSync('/root/module', 'latin1').replaceAll('SecAuditLogFormat', 'SecAuditLogFormaX'), 'latin1')
  const { code, said, errors } = modwarden('setup', 'apache', '--yes')
  out('mv', '/root/module', MODULE)
  assert.equal(code, 1)
  assert.match(said, /It did not work, and all changes are taken back/)
  assert.match(
    errors,
    /does not pass the test of apache2; this ModSecurity was built without JSON; [\s\S]*Invalid command 'SecAuditLogFormat'/,
  )
  assertSame(first, snapshot())
  assert.equal(get('/').status, 200)
  assert.ok(!existsSync(MANIFEST))
})

test('a line of an admin that overrules --enforce is told at once, and files that Apache does not read are taken back', () => {
  const own = '/etc/modsecurity/z-own.conf'
  writeFileSync(own, 'SecRuleEngine DetectionOnly\n')
  for (const words of [/Make these changes|warning/, /^Nothing to do/m]) {
    const { code, said } = modwarden('setup', 'apache', '--enforce', '--yes')
    assert.equal(code, 1, said)
    assert.match(said, words)
    assert.match(said, /z-own\.conf:1 is read behind setup's SecRuleEngine On and overrules it \(DetectionOnly\); take that line away/)
    assert.match(said, /^ModSecurity looks on and denies nothing; modwarden blocks/m)
  }
  assert.equal(get(ATTACK).status, 200)
  unlinkSync(own)
  setUp('--undo')
  rmSync('/var/log/modsecurity', { recursive: true, force: true })

  const module = '/etc/apache2/mods-available/security2.conf'
  const text = readFileSync(module, 'utf8')
  writeFileSync('/etc/modsecurity/modsecurity.conf', readFileSync('/etc/modsecurity/modsecurity.conf-recommended'))
  writeFileSync(module, text.replace('/etc/modsecurity/*.conf', '/etc/modsecurity/modsecurity.conf'))
  const mine = snapshot()
  const { code, errors } = modwarden('setup', 'apache', '--yes')
  assert.equal(code, 1)
  assert.match(errors, /apache2 does not read \/etc\/modsecurity\/modwarden-audit-log-apache\.conf; add 'IncludeOptional/)
  assertSame(mine, snapshot())
  writeFileSync(module, text)
  unlinkSync('/etc/modsecurity/modsecurity.conf')
})

test('a server that is lost by the new configuration comes back with the old one', async () => {
  const other = createServer().listen(443)
  await once(other, 'listening')
  const { code, errors } = modwarden('setup', 'apache', '--domain', DOMAIN, '--yes')
  other.close()
  assert.equal(code, 1)
  assert.match(errors, /apache2 ended at the reload:\n[\s\S]*could not bind to address \[::\]:443/)
  assertSame(first, snapshot())
  assert.ok(isActive('apache2'))
  assert.equal(get('/').status, 200)
})

test('--domain writes a virtual host with TLS and security headers; existing ones stay, and --undo breaks nothing', () => {
  const said = setUp('apache', '--domain', 'Shop.Example.com')
  assert.match(said, /shop\.example\.com gets the self-signed certificate .*; get a real one \(certbot/)
  const at = (port: number) => ['--resolve', `${DOMAIN}:${port}:127.0.0.1`]
  const secure = get(`https://${DOMAIN}/`, ...at(443))
  assert.equal(secure.status, 200)
  for (const header of ['X-Content-Type-Options: nosniff', 'X-Frame-Options: DENY', 'Referrer-Policy: strict-origin-when-cross-origin'])
    assert.ok(secure.headers.includes(header), header)
  const plain = get(`http://${DOMAIN}/a/b?c=d`, ...at(80))
  assert.equal(plain.status, 301)
  assert.match(plain.headers, /^Location: https:\/\/shop\.example\.com\/a\/b\?c=d\r$/m)
  assert.equal(get(`http://${DOMAIN}/.well-known/acme-challenge/x`, ...at(80)).status, 404, 'certificates are renewed over http')
  assert.equal(get('/').status, 200, 'the site that was there is served as before')
  assert.match(modwarden('setup', 'apache', '--domain', DOMAIN, '--dry-run').said, /Nothing to do/)

  const other = '/etc/apache2/sites-enabled/other.conf'
  writeFileSync(other, '<VirtualHost *:80>\nServerName www.example.com\nServerAlias *.other.example\n</VirtualHost>\n')
  for (const name of ['www.example.com', 'x.other.example']) {
    const { code, errors } = modwarden('setup', 'apache', '--domain', name, '--yes')
    assert.equal(code, 1)
    assert.match(errors, /is served already by \/etc\/apache2\/sites-enabled\/other\.conf:\d, and existing sites are left alone/)
  }
  // By now an admin relies on a module that setup has loaded.
  writeFileSync(other, 'Header set X-Own yes\n')
  const whole = snapshot()
  const { code, errors } = modwarden('setup', '--undo', '--yes')
  assert.equal(code, 1)
  assert.match(errors, /Invalid command 'Header'[\s\S]*nothing was taken back; change what needs it/)
  assertSame(whole, snapshot())
  unlinkSync(other)
  setUp('--undo')
  rmSync('/var/log/modsecurity', { recursive: true })
  assertSame(first, snapshot())
})

test('a log of the web server is taken from it; --undo gives it back, and leaves alone what an admin has edited since', () => {
  out('install', '-d', '-o', 'www-data', '-g', 'www-data', '-m', '755', '/var/log/modsecurity')
  out('install', '-o', 'www-data', '-g', 'www-data', '-m', '644', '/dev/null', LOG)
  const owned = snapshot()
  out('chgrp', 'www-data', '/var/log')
  out('chmod', 'g+w', '/var/log')
  const said = out('sh', '-c', "echo y | script -qec 'modwarden setup apache --enforce' /dev/null")
  out('chgrp', 'root', '/var/log')
  out('chmod', '755', '/var/log')
  assert.equal(access(LOG), `640 0:${gid('adm')}`)
  assert.match(said, /^warning: the web server's user can write to \/var\/log, and so could forge entries/m)

  appendFileSync(SETTINGS, 'block_time = "2h"\n')
  appendFileSync(BEFORE_CRS, '# a rule of the admin\n')
  const manifest = readFileSync(MANIFEST, 'utf8')
  assert.match(setUp('apache'), /50-setup\.toml was edited since setup wrote it and is left as it is/)
  assert.equal(readFileSync(MANIFEST, 'utf8'), manifest)
  assert.match(
    setUp('apache', '--undo'),
    /50-setup\.toml was edited since setup wrote it and is left as it is; remove it if you do not need it/,
  )
  assert.match(readFileSync(SETTINGS, 'utf8'), /block_time = "2h"/)
  unlinkSync(SETTINGS)
  const rules = readFileSync(BEFORE_CRS, 'latin1')
  assert.match(rules, /# a rule of the admin\n$/)
  writeFileSync(BEFORE_CRS, rules.replace('# a rule of the admin\n', ''), 'latin1')
  writeFileSync(LOG, '')
  assertSame(owned, snapshot())
})

test('a run that was killed in the middle is taken back, or completed', async () => {
  // The program that loads modules hangs: the run stands in the middle of its changes.
  const killed = async (): Promise<void> => {
    out('mv', '/usr/sbin/a2enmod', '/root/a2enmod')
    writeFileSync('/usr/sbin/a2enmod', '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 })
    const child = spawn('/usr/bin/modwarden', ['setup', 'apache', '--domain', DOMAIN, '--yes'], { stdio: 'ignore', detached: true })
    await until('the change of modules was begun', () => existsSync(MANIFEST) && readFileSync(MANIFEST, 'utf8').includes('"a2enmod"'))
    process.kill(-child.pid!, 'SIGKILL')
    out('mv', '/root/a2enmod', '/usr/sbin/a2enmod')
  }
  await killed()
  assert.notDeepEqual(snapshot(), first)
  setUp('--undo')
  assertSame(first, snapshot())

  await killed()
  const said = setUp('apache', '--domain', DOMAIN)
  assert.match(said, /^An earlier run was interrupted\. This one completes it/)
  assert.match(said, /that stands in the audit log/)
  setUp('--undo')
  rmSync('/var/log/modsecurity', { recursive: true })
  assertSame(first, snapshot())
})
