// Runs inside the container that test/integration/setup.test.ts boots: Debian's nginx with libmodsecurity 3.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFileSync, existsSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
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
  modwarden,
  out,
  services,
  setUp,
  snapshot,
} from './machine.ts'

const SITE = '/etc/nginx/sites-available/default'
const MODULE = '/etc/nginx/modules-enabled/50-mod-http-modsecurity.conf'
const LUA = '/etc/nginx/modules-enabled/50-mod-http-lua.conf'
const DOMAIN = 'shop.example.com'
let first: Map<string, string>

before(() => {
  out('systemctl', 'start', 'nginx')
  first = snapshot()
})
afterEach(() => {
  if (existsSync(MANIFEST)) modwarden('setup', '--undo', '--yes')
  rmSync('/var/log/modsecurity', { recursive: true, force: true })
})
after(() => {
  out('systemctl', 'stop', 'nginx')
  services('back')
})

const settled = (status: number) => until(`attacks get ${status}`, () => get(ATTACK).status === status)

test('a stock nginx looks on after setup, denies with --enforce, and is as before after --undo', async () => {
  unlinkSync(MODULE)
  out('systemctl', 'restart', 'nginx')
  assert.match(
    setUp('nginx'),
    /^nginx was asked for a page, and that stands in the audit log\.\nmodwarden has read it\.\nModSecurity looks on/m,
  )
  assert.equal(get(ATTACK).status, 200)
  assert.equal(access(LOG), `640 0:${gid('adm')}`)
  assert.match(asked(), /\{protocol="inline",/)
  assert.match(setUp('nginx'), /Nothing to do/)

  // The file stays the same one for the server, which never opens it again.
  const { ino } = JSON.parse(out('stat', '-c', '{"ino":%i}', LOG))
  out('logrotate', '--force', '/etc/logrotate.d/modwarden-audit-log')
  assert.equal(JSON.parse(out('stat', '-c', '{"ino":%i}', LOG)).ino, ino)
  get(ATTACK)
  await until('what comes behind the rotation is logged', () => readFileSync(LOG, 'latin1').includes('etc/passwd'))

  assert.match(setUp('nginx', '--enforce'), /ModSecurity denies what its rules object to; modwarden blocks/)
  await settled(403)
  assert.match(modwarden('setup', 'apache', '--yes').errors, /modwarden is set up for nginx here, .*'modwarden setup nginx --undo' first/)
  setUp('nginx', '--undo')
  await settled(200)
  symlinkSync('/usr/share/nginx/modules-available/mod-http-modsecurity.conf', MODULE)
  rmSync('/var/log/modsecurity', { recursive: true })
  assertSame(first, snapshot())
})

test("with nginx's own Lua loaded it asks the scorer, since two Luas in one process crash the workers", async () => {
  symlinkSync('/usr/share/nginx/modules-available/mod-http-lua.conf', LUA)
  out('systemctl', 'restart', 'nginx')
  const before = snapshot()
  assert.match(setUp('nginx', '--enforce'), /Ask the scoring server by nginx's own Lua/)
  await settled(403)
  assert.match(asked(), /\{protocol="inline",/)
  assert.doesNotMatch(readFileSync('/var/log/nginx/error.log', 'utf8'), /exited on signal/)
  setUp('nginx', '--undo')
  unlinkSync(LUA)
  rmSync('/var/log/modsecurity', { recursive: true })
  before.delete(LUA)
  assertSame(before, snapshot())
  out('systemctl', 'restart', 'nginx')
  services('away')
  first = snapshot()
})

test('where an admin has ModSecurity on, his rules file gets a block, and his sites stay as they are', async () => {
  copyFileSync(SITE, '/root/site')
  const own = '/etc/nginx/own-rules.conf'
  writeFileSync(
    own,
    'Include /etc/nginx/modsecurity.conf\nSecRuleEngine On\nInclude /etc/modsecurity/crs/crs-setup.conf\nInclude /usr/share/modsecurity-crs/rules/*.conf\n',
  )
  writeFileSync(
    SITE,
    readFileSync(SITE, 'utf8').replace(
      '\tserver_name _;',
      '\tserver_name _;\n\tmodsecurity on;\n\tmodsecurity_rules_file /etc/nginx/own-rules.conf;',
    ),
  )
  out('systemctl', 'restart', 'nginx')
  const before = snapshot()
  const said = setUp('nginx')
  assert.match(said, /^ {4}\+Include \/etc\/nginx\/modwarden\/audit-log\.conf$/m)
  assert.match(said, /^note: ModSecurity already denies/m)
  assert.match(said, /the plugin .* is left out: no REQUEST-900-EXCLUSION-RULES-BEFORE-CRS\.conf and .* under \/etc are read/)
  assert.match(said, /that stands in the audit log/)
  assert.ok(!existsSync('/etc/nginx/conf.d/modwarden.conf'))
  assert.equal(get(ATTACK).status, 403)
  setUp('--undo')
  rmSync('/var/log/modsecurity', { recursive: true })
  assertSame(before, snapshot())
  copyFileSync('/root/site', SITE)
  unlinkSync(own)
  out('systemctl', 'restart', 'nginx')
})

test('what is missing is told with its remedy, and what the server refuses is taken back', () => {
  const told = (pattern: RegExp): void => {
    const { code, errors } = modwarden('setup', 'nginx', '--yes')
    assert.equal(code, 1, errors)
    assert.match(errors, pattern)
    assert.ok(!existsSync(MANIFEST))
  }
  const hidden = (path: string, pattern: RegExp): void => {
    out('mv', path, '/root/hidden')
    told(pattern)
    out('mv', '/root/hidden', path)
  }
  hidden('/etc/modsecurity/crs/crs-setup.conf', /the OWASP Core Rule Set is not installed, .*apt-get install modsecurity-crs/)
  copyFileSync('/etc/nginx/modsecurity.conf', '/root/modsecurity.conf')
  writeFileSync('/etc/nginx/modsecurity.conf', 'SecNonsense On\n')
  told(/does not pass the test of nginx[\s\S]*SecNonsense/)
  copyFileSync('/root/modsecurity.conf', '/etc/nginx/modsecurity.conf')
  assert.ok(isActive('nginx'))
  assertSame(first, snapshot())
})

test('a configuration that nginx passes and then cannot take over is taken back', async () => {
  out('make-ssl-cert', 'generate-default-snakeoil', '--force-overwrite')
  // It still holds the log of an earlier test, which is removed.
  out('systemctl', 'restart', 'nginx')
  setUp('nginx')
  const before = snapshot(['/etc'])
  // Its own test does not mind that a port is taken, and a reload that fails for it goes on with the old configuration.
  const other = createServer().listen(443)
  await once(other, 'listening')
  const { code, said, errors } = modwarden('setup', 'nginx', '--domain', DOMAIN, '--yes')
  other.close()
  assert.equal(code, 1, said)
  assert.match(errors, /nginx goes on with its old configuration after the reload:\n[\s\S]*bind\(\) to .*:443 failed/)
  assertSame(before, snapshot(['/etc']))
  assert.equal(get('/').status, 200)
})

test('a log that was removed since nginx was started is named as what may be amiss, and the command mends that', () => {
  out('systemctl', 'restart', 'nginx')
  setUp('nginx')
  setUp('nginx', '--undo')
  rmSync('/var/log/modsecurity', { recursive: true })
  const { code, said } = modwarden('setup', 'nginx', '--yes')
  assert.equal(code, 1)
  assert.match(said, /If the log was removed since nginx was started, it still writes to that one: systemctl restart nginx\.\n/)
  out('systemctl', 'restart', 'nginx')
  assert.match(setUp('nginx'), /that stands in the audit log/)
  setUp('--undo')
  out('systemctl', 'restart', 'nginx')
})

test('--domain writes a server with TLS and security headers, and leaves existing ones alone', async () => {
  out('make-ssl-cert', 'generate-default-snakeoil', '--force-overwrite')
  setUp('nginx', '--domain', DOMAIN)
  const at = (port: number) => ['--resolve', `${DOMAIN}:${port}:127.0.0.1`]
  await until('the site is served', () => {
    try {
      return get(`https://${DOMAIN}/index.nginx-debian.html`, ...at(443)).status > 0
    } catch {
      return false
    }
  })
  const { headers } = get(`https://${DOMAIN}/`, ...at(443))
  for (const header of ['X-Content-Type-Options: nosniff', 'X-Frame-Options: DENY']) assert.ok(headers.includes(header), header)
  const plain = get(`http://${DOMAIN}/a/b?c=d`, ...at(80))
  assert.equal(plain.status, 301)
  assert.match(plain.headers, /^Location: https:\/\/shop\.example\.com\/a\/b\?c=d\r$/m)
  writeFileSync('/etc/nginx/conf.d/other.conf', 'server { listen 80; server_name www.example.com .other.example; }\n')
  for (const name of ['www.example.com', 'x.other.example']) {
    const { errors } = modwarden('setup', 'nginx', '--domain', name, '--yes')
    assert.match(errors, /is served already by \/etc\/nginx\/conf\.d\/other\.conf:1, and existing sites are left alone/)
  }
  unlinkSync('/etc/nginx/conf.d/other.conf')
})
