import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listeners } from '../../../src/core/setup/addresses.ts'
import { apacheDirectives, nginxDirectives } from '../../../src/core/setup/directives.ts'
import { hintFor } from '../../../src/core/setup/failure.ts'
import { filesOf, inOrder, readIncludes } from '../../../src/core/setup/includes.ts'
import { chooseLayout } from '../../../src/core/setup/layout.ts'
import { nginxModules, nginxUser, readApacheWords, readLibrary } from '../../../src/core/setup/server-words.ts'
import { chooseCertificate, readDomain, servesName, vhostPart } from '../../../src/core/setup/vhost.ts'
import { writableBy } from '../../../src/core/setup/writable.ts'
import { DEBIAN, factsOf } from './facts.ts'

const DOMAINS: [string, string | undefined][] = [
  ['www.example.com', 'www.example.com'],
  ['WWW.Example.COM.', 'www.example.com'],
  ['xn--mnchen-3ya.de', 'xn--mnchen-3ya.de'],
  ['localhost', undefined],
  ['192.0.2.1', undefined],
  ['2001:db8::1', undefined],
  ['*.example.com', undefined],
  ['-a.example.com', undefined],
  ['a..example.com', undefined],
  ['example.com/../../x', undefined],
  ['example.com\nListen 81', undefined],
  [`${'a'.repeat(64)}.example.com`, undefined],
  [`${'abcdefg.'.repeat(32)}com`, undefined],
]
for (const [text, expected] of DOMAINS)
  test(`readDomain takes ${JSON.stringify(text.slice(0, 40))} ${expected === undefined ? 'for no name' : `as ${expected}`}`, () => {
    const read = readDomain(text)
    assert.equal(read.ok ? read.value : undefined, expected)
  })

const NAMES: { directive: string; server: 'apache' | 'nginx'; domain: string; expected: boolean }[] = [
  { server: 'apache', directive: 'ServerName shop.example.com', domain: 'shop.example.com', expected: true },
  { server: 'apache', directive: 'ServerName https://Shop.Example.com:443', domain: 'shop.example.com', expected: true },
  { server: 'apache', directive: 'ServerAlias a.example *.example.com', domain: 'shop.example.com', expected: true },
  { server: 'apache', directive: 'ServerAlias *.example.com', domain: 'example.com', expected: false },
  { server: 'apache', directive: 'ServerName example.com', domain: 'shop.example.com', expected: false },
  { server: 'apache', directive: 'ServerName shopXexample.com', domain: 'shop.example.com', expected: false },
  { server: 'apache', directive: 'DocumentRoot shop.example.com', domain: 'shop.example.com', expected: false },
  { server: 'nginx', directive: 'server_name a.example .example.com;', domain: 'example.com', expected: true },
  { server: 'nginx', directive: 'server_name .example.com;', domain: 'shop.example.com', expected: true },
  { server: 'nginx', directive: 'server_name _;', domain: 'shop.example.com', expected: false },
]
for (const { server, directive, domain, expected } of NAMES)
  test(`${server}: "${directive}" ${expected ? 'serves' : 'does not serve'} ${domain}`, () => {
    const read =
      server === 'apache'
        ? apacheDirectives('f', `<VirtualHost *:80>\n${directive}\n</VirtualHost>`)
        : nginxDirectives('f', `http { server { ${directive} } }`)
    assert.equal(
      read.some(one => servesName(one, domain)),
      expected,
    )
  })

test('the name of the whole server is no virtual host', () => {
  assert.ok(!apacheDirectives('f', 'ServerName shop.example.com').some(one => servesName(one, 'shop.example.com')))
})

const certificate = (name: string, more = {}) => ({
  certificate: `/c/${name}.pem`,
  key: `/c/${name}.key`,
  covers: true,
  until: Date.UTC(2027, 0, 1),
  isSelfSigned: false,
  ...more,
})
const snakeoil = { '/etc/ssl/certs/ssl-cert-snakeoil.pem': '', '/etc/ssl/private/ssl-cert-snakeoil.key': '' }
const CERTIFICATES: { name: string; found: object[]; tree?: Record<string, string>; expected: string | undefined }[] = [
  { name: 'the one for the domain', found: [certificate('a')], tree: snakeoil, expected: '/c/a.pem' },
  { name: 'a signed one before a self-signed', found: [certificate('a', { isSelfSigned: true }), certificate('b')], expected: '/c/b.pem' },
  { name: 'none for another domain', found: [certificate('a', { covers: false })], expected: undefined },
  {
    name: 'none that is over',
    found: [certificate('a', { until: Date.UTC(2025, 0, 1) })],
    tree: snakeoil,
    expected: '/etc/ssl/certs/ssl-cert-snakeoil.pem',
  },
  { name: 'nothing where there is none', found: [], expected: undefined },
]
for (const { name, found, tree, expected } of CERTIFICATES)
  test(`chooseCertificate takes ${name}`, () => {
    const facts = factsOf(DEBIAN.apache, { certificates: found as never, ...(tree === undefined ? {} : { tree }) })
    assert.equal(chooseCertificate(facts)?.certificate, expected)
  })

test('a domain without a certificate is served without TLS, and both is told', () => {
  for (const layout of [DEBIAN.apache, DEBIAN.nginx]) {
    const part = vhostPart(factsOf(layout), 'shop.example.com', undefined)
    const [file] = part.steps!
    assert.ok(file?.kind === 'file' && !/443|ssl/i.test(file.after!) && /X-Frame-Options/.test(file.after!))
    assert.match(part.notes!.join('\n'), /no certificate for shop\.example\.com was found, so it is served without TLS/)
  }
})

test('a site that an admin has called by its domain is left alone, whether it is enabled or not; one of setup is brought up to date', () => {
  for (const [layout, folder, site] of [
    [DEBIAN.apache, '/etc/apache2', '<VirtualHost *:80>\nServerName shop.example.com\n</VirtualHost>\n'],
    [DEBIAN.nginx, '/etc/nginx', 'server { server_name shop.example.com; }\n'],
  ] as const) {
    const [available, enabled] = [`${folder}/sites-available/shop.example.com.conf`, `${folder}/sites-enabled/shop.example.com.conf`]
    const plan = (tree: Record<string, string>, loaded: string[], written = new Map()) =>
      vhostPart(factsOf(layout, { tree, loaded, written }), 'shop.example.com', undefined)
    const told = (part: ReturnType<typeof plan>) => (part.problems ?? []).join()
    assert.match(
      told(plan({ [enabled]: site }, [enabled])),
      /is served already by .*sites-enabled\/shop\.example\.com\.conf:\d, and existing/,
    )
    assert.match(told(plan({ [available]: site, [enabled]: site }, [enabled])), /is served already by /)
    assert.match(
      told(plan({ [available]: '# disabled\n' }, [])),
      /sites-available\/shop\.example\.com\.conf is there already, and setup has not/,
    )
    const written = new Map([[available, { before: null, after: site }]])
    const steps = plan({ [available]: site, [enabled]: site }, [enabled], written).steps ?? []
    assert.ok(steps.some(step => step.kind === 'file' && step.path === available))
  }
})

const PRINTED = `Included configuration files:
  (*) /etc/apache2/apache2.conf
    (2) /etc/apache2/mods-enabled/a b.conf
      (1) /etc/x.conf
    (2) /etc/apache2/mods-enabled/c.conf
    (4) /etc/y.conf
    (77) /etc/macro.conf
User: name="www-data" id=33
Group: name="www-data" id=33 not_used
Loaded Modules:
 core_module (static)
 security2_module (shared)
`

test('what Apache prints of itself is read', () => {
  const words = readApacheWords(PRINTED)
  assert.deepEqual([...words.modules], ['core', 'security2'])
  assert.deepEqual([words.user, words.group], ['www-data', 'www-data'])
  assert.equal(readIncludes('Syntax OK'), undefined)
})

test('directives come in the order in which Apache reads them, each in the section that includes it', () => {
  const texts: Record<string, string> = {
    '/etc/apache2/apache2.conf': 'A 1\nInclude mods-enabled/*.conf\n<VirtualHost *:80>\nIncludeOptional y.conf\n</VirtualHost>\nA 6',
    '/etc/apache2/mods-enabled/a b.conf': 'Include x.conf\nA 3',
    '/etc/x.conf': 'A 2',
    '/etc/apache2/mods-enabled/c.conf': 'A 4',
    '/etc/y.conf': 'A 5',
    '/etc/macro.conf': 'A 7',
  }
  const tree = readIncludes(PRINTED)!
  const found = inOrder(tree, path => apacheDirectives(path, texts[path]!)).filter(one => one.name === 'a')
  assert.deepEqual(
    found.map(({ args, section }) => `${args[0]}${section === undefined ? '' : ` ${section}`}`),
    ['1', '2', '3', '4', '5 virtualhost', '6', '7'],
  )
  assert.deepEqual(filesOf(tree), Object.keys(texts))
})

test('nginx: modules and users, as its files and its program say', () => {
  const built = '\0configure arguments: --user=nginx --group=web --add-module=/x/ModSecurity-nginx --with-y\0'
  assert.deepEqual([...nginxModules(['modules/ngx_http_lua_module.so', 'modules/ndk_http_module.so'], '')], ['lua'])
  assert.deepEqual([...nginxModules([], built)], ['modsecurity'])
  assert.deepEqual(nginxUser(['www-data'], built), { user: 'www-data', group: 'www-data' })
  assert.deepEqual(nginxUser(['a', 'b'], built), { user: 'a', group: 'b' })
  assert.deepEqual(nginxUser(undefined, built), { user: 'nginx', group: 'web' })
  assert.deepEqual(nginxUser(undefined, ''), { user: 'nobody', group: 'nobody' })
})

test('a library of ModSecurity shows JSON and Lua by what it is linked with', () => {
  assert.deepEqual(readLibrary('\0liblua5.1.so.0\0libyajl.so.2\0'), { hasJson: true, lua: '5.1' })
  assert.deepEqual(readLibrary('\0liblua-5.4.so\0'), { hasJson: false, lua: '5.4' })
  assert.deepEqual(readLibrary('\0libxml2.so\0'), { hasJson: false, lua: undefined })
})

const LISTENERS: { server: 'apache' | 'nginx'; text: string; expected: string[] }[] = [
  { server: 'apache', text: 'Listen 80\nListen [::]:8080', expected: ['127.0.0.1:80', '::1:8080', '127.0.0.1:80 tls', '::1:8080 tls'] },
  { server: 'apache', text: 'Listen 192.0.2.1:443 https', expected: ['192.0.2.1:443 tls'] },
  {
    server: 'nginx',
    text: 'server { listen 80 default_server; listen [::]:80; listen 443 ssl; listen unix:/x; }',
    expected: ['127.0.0.1:80', '::1:80', '127.0.0.1:443 tls'],
  },
  { server: 'nginx', text: 'server { listen 192.0.2.1; listen 99999; }', expected: ['192.0.2.1:80'] },
]
for (const { server, text, expected } of LISTENERS)
  test(`listeners of ${server}: ${text.replace('\n', '; ')}`, () => {
    const read = server === 'apache' ? apacheDirectives('f', text) : nginxDirectives('f', text)
    assert.deepEqual(
      listeners(read).map(({ host, port, isTls }) => `${host}:${port}${isTls ? ' tls' : ''}`),
      expected,
    )
  })

const ROOT = { uid: 0, gid: 0 }
const web = { uid: 33, gids: [33] }
const WAYS: { name: string; one: object; expected: boolean }[] = [
  { name: 'a folder of root', one: { ...ROOT, mode: 0o755 }, expected: false },
  { name: 'a folder of its own', one: { uid: 33, gid: 0, mode: 0o700 }, expected: true },
  { name: 'a folder of its group', one: { uid: 0, gid: 33, mode: 0o770 }, expected: true },
  { name: 'a folder of its group without the right to enter', one: { uid: 0, gid: 33, mode: 0o760 }, expected: false },
  { name: 'a folder for all', one: { ...ROOT, mode: 0o777 }, expected: true },
  { name: 'a sticky folder for all', one: { ...ROOT, mode: 0o1777 }, expected: false },
  { name: 'a file for all', one: { ...ROOT, mode: 0o666, isFolder: false }, expected: true },
  {
    name: 'a file that the owner may only read, though his group may write',
    one: { uid: 33, gid: 33, mode: 0o460, isFolder: false },
    expected: false,
  },
]
for (const { name, one, expected } of WAYS)
  test(`the web server may ${expected ? '' : 'not '}write to ${name}`, () => {
    const way = [{ path: '/x', isFolder: true, ...one } as never]
    assert.deepEqual(writableBy(way, web), expected ? ['/x'] : [])
  })

const LAYOUTS: { server: 'apache' | 'nginx'; there: string[]; expected: string | undefined }[] = [
  { server: 'apache', there: ['/usr/sbin/apache2ctl', '/etc/apache2/apache2.conf'], expected: 'apache2 debian' },
  { server: 'apache', there: ['/usr/sbin/httpd', '/etc/httpd/conf/httpd.conf', '/etc/redhat-release'], expected: 'httpd redhat' },
  { server: 'apache', there: ['/etc/apache2/apache2.conf'], expected: undefined },
  { server: 'nginx', there: ['/usr/sbin/nginx', '/etc/nginx/nginx.conf'], expected: 'nginx debian' },
  { server: 'nginx', there: ['/usr/sbin/nginx', '/etc/nginx/nginx.conf', '/etc/redhat-release'], expected: 'nginx redhat' },
  { server: 'nginx', there: ['/usr/sbin/nginx', '/etc/nginx/nginx.conf', '/etc/system-release'], expected: 'nginx redhat' },
]
for (const { server, there, expected } of LAYOUTS)
  test(`chooseLayout finds ${expected ?? 'nothing'} for ${server} by ${there.join(', ')}`, () => {
    const layout = chooseLayout(server, path => there.includes(path))
    assert.equal(layout === undefined ? undefined : `${layout.service} ${layout.family}`, expected)
  })

test('the words of a failed test are pointed to their cause, where it is known', () => {
  assert.match(hintFor("Invalid command 'SecAuditLogFormat', perhaps misspelled"), /built without JSON/)
  assert.match(hintFor('Rule id: 9516020 is duplicated'), /read twice/)
  assert.equal(hintFor('something else'), '')
})
