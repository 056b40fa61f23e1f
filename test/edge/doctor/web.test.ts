import assert from 'node:assert/strict'
import { appendFileSync, copyFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readNginxConfig } from '../../../src/core/doctor/nginx-config.ts'
import { createConfigFiles } from '../../../src/edge/doctor/small-file.ts'
import { judge, judgeOne, settingsOf } from '../../doctor-facts.ts'

import { apache, conf, edit, LOG, nginx, SHIPPED, skip, write } from './web-copy.ts'

test("Debian's Apache is read as it is: user, module, JSON, rules; nothing is left out", { skip }, () => {
  const { root, web } = apache()
  assert.equal(web.length, 1)
  const [config] = web
  assert.deepEqual(config!.problems, [])
  assert.deepEqual(
    [config!.user, config!.module, config!.hasJson, config!.scorer],
    ['www-data', '/usr/lib/apache2/modules/mod_security2.so', true, undefined],
  )
  const values = config!.scopes[0]!.values
  assert.equal(values.get('secauditlog')?.value, '/var/log/apache2/modsec_audit.log')
  assert.equal(values.get('secauditlogparts')?.value, 'ABDEFHIJZ')
  assert.equal(values.get('secauditlog')?.file, conf(root))
  assert.equal(judgeOne('waf-found', { web }).severity, 'ok')
})

test('Apache: the engine, the audit log and its place are judged by the setting that wins', { skip }, () => {
  const stock = apache().web
  assert.deepEqual([judgeOne('waf-engine', { web: stock }).severity, judgeOne('waf-audit', { web: stock }).severity], ['warn', 'ok'])
  const elsewhere = judgeOne('waf-log', { web: stock })
  assert.equal(elsewhere.severity, 'bad')
  assert.match(elsewhere.what, /apache writes its audit log here, but modwarden reads \/var\/log\/modsecurity\/audit\.log/)
  assert.match(elsewhere.remedy!, /audit_log = "\/var\/log\/apache2\/modsec_audit\.log"/)

  const shipped = apache(root => {
    edit(conf(root), /SecRuleEngine DetectionOnly/, 'SecRuleEngine On')
    copyFileSync(join(SHIPPED, 'audit-log/modwarden-audit-log-apache.conf'), join(root, 'modsecurity/modwarden-audit-log-apache.conf'))
  }).web
  for (const id of ['waf-engine', 'waf-audit', 'waf-log']) assert.equal(judgeOne(id, { web: shipped }).severity, 'ok', id)

  const off = apache(root => edit(conf(root), /SecAuditEngine RelevantOnly/, 'SecAuditEngine Off')).web
  const found = judgeOne('waf-audit', { web: off })
  assert.equal(found.severity, 'bad')
  assert.match(found.evidence!, /modsecurity\.conf:\d+: SecAuditEngine Off$/)
  assert.equal(
    judgeOne('waf-engine', { web: apache(root => edit(conf(root), /SecRuleEngine DetectionOnly/, 'SecRuleEngine Off')).web }).severity,
    'bad',
  )
  assert.equal(judgeOne('waf-audit', { web: apache(root => edit(conf(root), /SecAuditEngine RelevantOnly/, '')).web }).severity, 'bad')
})

test('Apache: a virtual host of its own is judged by itself, a Location is an exception', { skip }, () => {
  const { web } = apache(root => {
    const site = '<VirtualHost *:81>\n  SecAuditEngine Off\n</VirtualHost>\n<Location /health>\n  SecAuditEngine Off\n</Location>\n'
    writeFileSync(join(root, 'apache2/sites-available/other.conf'), site)
    writeFileSync(join(root, 'apache2/conf-enabled/other.conf'), site)
  })
  const found = judge('waf-audit', { web })
  assert.deepEqual(
    found.map(({ severity }) => severity),
    ['ok', 'bad'],
  )
  assert.match(found[1]!.about!, /<VirtualHost \*:81> at .*other\.conf:1/)
})

test('Apache: what stands in a condition that does not hold is passed over', { skip }, () => {
  const { web } = apache(root =>
    appendFileSync(
      conf(root),
      `
<IfModule !security2_module>
  SecAuditEngine Off
</IfModule>
<IfModule mod_nothing.c>
  <IfModule security2_module>
    SecAuditEngine Off
  </IfModule>
</IfModule>
<IfDefine OFF>
  SecAuditEngine Off
</IfDefine>
Define CHOSEN On
<IfDefine CHOSEN>
  SecRuleEngine \${CHOSEN}
</IfDefine>
`,
    ),
  )
  assert.deepEqual([judgeOne('waf-audit', { web }).severity, judgeOne('waf-engine', { web }).severity], ['ok', 'ok'])
})

test('Apache: without the module there is no ModSecurity, and its settings stay unread', { skip }, () => {
  const { web } = apache(root => rmSync(join(root, 'apache2/mods-enabled/security2.load')))
  const found = judgeOne('waf-found', { web })
  assert.deepEqual([found.severity, found.remedy!.slice(0, 18)], ['bad', 'a2enmod security2 '])
  assert.equal(judgeOne('waf-engine', { web }).severity, 'skipped')
})

test('a module that knows no JSON, but is told to write it, is found', { skip }, () => {
  const { web } = apache(root => {
    edit(join(root, 'apache2/mods-enabled/security2.load'), /mod_security2\.so/, 'mod_alias.so')
    edit(conf(root), /SecAuditLog \S+/, `SecAuditLog ${LOG}\nSecAuditLogFormat JSON`)
  })
  assert.equal(web[0]!.hasJson, false)
})

test('what cannot be followed is told, and what includes itself ends', { skip }, () => {
  const { root, web } = apache(root => {
    appendFileSync(conf(root), `\nInclude ${root}/gone.conf\nInclude \${NOWHERE}/x.conf\nInclude ${conf(root)}\n`)
    mkdirSync(join(root, 'modsecurity/large.conf.d'))
    writeFileSync(join(root, 'modsecurity/large.conf'), 'x'.repeat(5 * 2 ** 20))
  })
  const found = judgeOne('waf-found', { web })
  assert.equal(found.severity, 'warn')
  const problems = web[0]!.problems.join('\n')
  for (const part of [
    `${root}/gone.conf: it is included, but not there`,
    'NOWHERE}/x.conf: it names a variable',
    'large.conf: it is larger than',
    'included too deeply',
  ])
    assert.ok(problems.includes(part), part)
  assert.ok(web[0]!.problems.length <= 20)
})

test("Debian's nginx is read as the page tells to set it up, with the plugin", { skip }, () => {
  const stock = nginx()
  assert.deepEqual(stock.web[0]!.problems, [])
  assert.deepEqual([stock.web[0]!.user, stock.web[0]!.hasJson, stock.web[0]!.scopes.length], ['www-data', true, 1])
  assert.equal(judgeOne('waf-engine', { web: stock.web }).severity, 'warn')
  assert.equal(judgeOne('waf-log', { web: stock.web }).severity, 'bad')

  const whole = nginx(root => {
    edit(join(root, 'nginx/modsecurity.conf'), /SecRuleEngine .*/, 'SecRuleEngine On')
    cpSync(join(SHIPPED, 'crs-plugin'), join(root, 'modsecurity/plugins'), { recursive: true })
    copyFileSync(join(SHIPPED, 'audit-log/modwarden-audit-log-nginx.conf'), join(root, 'modsecurity/log.conf'))
    const more = ['log.conf', 'plugins/machine-learning-config.conf', 'plugins/machine-learning-before.conf']
    appendFileSync(join(root, 'nginx/modsecurity_includes.conf'), more.map(name => `include ${root}/modsecurity/${name}\n`).join(''))
  }).web
  assert.deepEqual(whole[0]!.problems, [])
  assert.equal(whole[0]!.scorer, 'unix:/run/modwarden-score/score.sock')
  for (const id of ['waf-engine', 'waf-audit', 'waf-log']) assert.equal(judgeOne(id, { web: whole }).severity, 'ok', id)
})

test('nginx: off in all blocks is no ModSecurity; a server block of its own, and rules within it, are read', { skip }, () => {
  const off = nginx(root => edit(join(root, 'nginx/sites-enabled/default'), /modsecurity on;/, 'modsecurity off;')).web
  assert.match(judgeOne('waf-found', { web: off }).evidence!, /nowhere is modsecurity on/)
  const { web } = nginx(root =>
    writeFileSync(
      join(root, 'nginx/conf.d/other.conf'),
      `server { listen 81; modsecurity on; # a comment; with { braces
         content_by_lua_block {
           if x then y("}") end -- a lone ' and {
         }
         modsecurity_rules '
           SecRuleEngine On
           SecAuditEngine Off
         '; }\n`,
    ),
  )
  const found = judge('waf-audit', { web })
  assert.deepEqual(found.map(({ severity }) => severity).sort(), ['bad', 'ok'])
  const bad = found.find(({ severity }) => severity === 'bad')!
  assert.match(bad.about!, /^server at .*other\.conf:1$/)
  assert.match(bad.evidence!, /other\.conf:5:3: SecAuditEngine Off$/)
})

test('nginx: a server that is switched on and leaves the rules to its locations is judged by these', { skip }, () => {
  // As the page of ModSecurity-nginx shows it.
  const { web } = nginx(root =>
    edit(
      join(root, 'nginx/sites-enabled/default'),
      /modsecurity_rules_file \S+;/,
      `location /shop { modsecurity_rules 'SecRuleEngine On\nSecAuditEngine On\nSecAuditLog ${LOG}'; }`,
    ),
  )
  for (const id of ['waf-engine', 'waf-audit', 'waf-log']) assert.equal(judgeOne(id, { web }).severity, 'ok', id)
  const without = nginx(root => edit(join(root, 'nginx/sites-enabled/default'), /modsecurity_rules_file \S+;/, '')).web
  assert.equal(judgeOne('waf-engine', { web: without }).severity, 'bad')
  const rules = "modsecurity_rules 'SecRuleEngine On';"
  const sites = (...texts: string[]) => {
    const { root } = nginx()
    const file = join(root, 'nginx/nginx.conf')
    write(file, () => `http { modsecurity on; ${texts.map(text => `server { ${text} }`).join('\n')} }`)
    return judge('waf-engine', { web: [readNginxConfig(file, createConfigFiles())] }).map(({ severity }) => severity)
  }
  assert.deepEqual(sites(rules, 'modsecurity off;'), ['ok'])
  assert.deepEqual(sites(rules, 'listen 81;'), ['bad', 'ok'], 'one site has none')
})

test('an audit log that goes to a program, or whose files lie elsewhere, is no log that can be followed', { skip }, () => {
  const piped = apache(root => edit(conf(root), /SecAuditLog \S+/, 'SecAuditLog "|/usr/bin/mlogc"')).web
  const to = judgeOne('waf-log', { web: piped })
  assert.deepEqual([to.severity, to.what], ['bad', 'the audit log goes to a program or a web server, not to a file'])
  const concurrent = `SecAuditLogType Concurrent\nSecAuditLogStorageDir /var/log/modsecurity/data/\nSecAuditLog ${LOG}`
  const { web } = apache(root => edit(conf(root), /SecAuditLogType Serial\s+SecAuditLog \S+/, concurrent))
  const found = judgeOne('waf-log', { web })
  assert.deepEqual([found.severity, found.what.slice(0, 38)], ['bad', 'the files of the concurrent audit log '])
  assert.equal(judgeOne('waf-log', { web, settings: settingsOf({ storage_dir: '/var/log/modsecurity/data' }) }).severity, 'ok')
})

test('without a web server there is nothing to judge', () => {
  for (const id of ['waf-found', 'waf-engine', 'waf-audit', 'waf-log']) assert.equal(judgeOne(id, { web: [] }).severity, 'skipped')
})

test('a second log that no web server here writes is worth a word', { skip }, () => {
  const { web } = apache()
  const settings = settingsOf({ audit_log: ['/var/log/apache2/modsec_audit.log', '/srv/other/audit.log'] })
  assert.deepEqual(
    judge('waf-log', { web, settings }).map(({ about, severity }) => [about, severity]),
    [
      ['/var/log/apache2/modsec_audit.log', 'ok'],
      ['/srv/other/audit.log', 'warn'],
    ],
  )
  const off = apache(root => edit(conf(root), /SecAuditEngine RelevantOnly/, 'SecAuditEngine Off')).web
  assert.equal(judgeOne('waf-log', { web: off, settings }).what, 'the audit log is off (waf-audit)')
  assert.equal(
    judgeOne('waf-log', { web: apache(root => edit(conf(root), /SecAuditLog \S+/, '')).web }).what,
    'the WAF is told to write no audit log',
  )
})
