import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDenying } from '../../../src/core/setup/engine.ts'
import { NGINX_REDHAT } from '../../../src/core/setup/layout.ts'
import { overruled, whyUnread } from '../../../src/core/setup/overruled.ts'
import { planSetup } from '../../../src/core/setup/plan.ts'
import type { Facts, Wish } from '../../../src/core/setup/types.ts'
import { APACHE_TREE, after, apache, brief, factsOf, NGINX_TREE, nginx, planned, text, wish } from './facts.ts'

const PLUGIN = [
  'machine-learning-config.conf',
  'machine-learning-before.conf',
  'machine-learning-after.conf',
  'machine-learning-client.lua',
].map(name => `write /etc/modsecurity/plugins/${name}`)
const STOCK_APACHE = [
  'folder /etc/modsecurity/plugins',
  'write /etc/tmpfiles.d/modwarden-setup.conf',
  'log',
  'write /etc/modsecurity/modwarden-audit-log-apache.conf',
  'write /etc/logrotate.d/modwarden-audit-log',
  'write /etc/modsecurity/modsecurity.conf',
  ...PLUGIN,
  'block /etc/modsecurity/crs/REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf',
  'block /etc/modsecurity/crs/RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf',
  'write /etc/modwarden/conf.d/50-setup.toml',
]

const FIRST = { '/etc/modwarden/conf.d/00-first.toml': 'mode = "observe"\n' }

test('a stock Apache: the whole list, in an order in which whatever is named is there', () => {
  const plan = planned(apache({ tree: FIRST }))
  assert.deepEqual(brief(plan.steps), STOCK_APACHE)
  assert.deepEqual(brief(plan.starts), ['systemctl restart modwarden-score.service modwarden.service'])
  assert.deepEqual(plan.notes, [])
  assert.equal(plan.takeOver, 'reload')
})

test('--enforce adds the engine and takes the first settings away, and nothing else', () => {
  const facts = apache({ tree: FIRST })
  const more = brief(planned(facts, { enforce: true }).steps).filter(line => !STOCK_APACHE.includes(line))
  assert.deepEqual(more, ['write /etc/modsecurity/modwarden-engine.conf', 'remove /etc/modwarden/conf.d/00-first.toml'])
})

for (const [name, make, tree] of [
  ['Apache', apache, APACHE_TREE],
  ['nginx', nginx, NGINX_TREE],
] as const)
  for (const enforce of [false, true])
    test(`${name}: after the steps nothing is left to do${enforce ? ', with --enforce and without' : ''}`, () => {
      const done = after(planned(make(), { enforce }).steps, tree)
      const changed = { ...done, settings: enforce ? [] : make().settings }
      assert.deepEqual(brief([...planned(make(changed), { enforce }).steps, ...planned(make(changed)).steps]), [])
    })

const ENGINES: { name: string; engine: string; enforce: boolean; expected: string | undefined }[] = [
  { name: 'DetectionOnly stays without --enforce', engine: 'DetectionOnly', enforce: false, expected: undefined },
  { name: 'DetectionOnly becomes On with it', engine: 'DetectionOnly', enforce: true, expected: 'On' },
  { name: 'On stays without it', engine: 'On', enforce: false, expected: undefined },
  { name: 'On needs nothing with it', engine: 'on', enforce: true, expected: undefined },
  { name: 'Off begins to look on without it', engine: 'Off', enforce: false, expected: 'DetectionOnly' },
  { name: 'Off becomes On with it', engine: 'Off', enforce: true, expected: 'On' },
]
for (const { name, engine, enforce, expected } of ENGINES)
  test(`the engine: ${name}`, () => {
    const tree = { '/etc/modsecurity/modsecurity.conf': `SecRuleEngine ${engine}\nSecRequestBodyAccess On\n` }
    const written = text(planned(apache({ tree }), { enforce }), '/etc/modsecurity/modwarden-engine.conf')
    assert.equal(/^SecRuleEngine (\w+)$/m.exec(written ?? '')?.[1], expected)
  })

test('an engine of one site is not that of the server', () => {
  const tree = {
    '/etc/modsecurity/modsecurity.conf': 'SecRuleEngine On\nSecRequestBodyAccess On\n',
    '/etc/apache2/sites-enabled/a.conf': '<VirtualHost *:80>\n<IfModule x>\nSecRuleEngine Off\n</IfModule>\n</VirtualHost>\n',
  }
  assert.equal(text(planned(apache({ tree })), '/etc/modsecurity/modwarden-engine.conf'), undefined)
})

const PLUGIN_OFF: { name: string; changes: object; expected: RegExp }[] = [
  {
    name: 'LuaSocket is missing',
    changes: { luaSockets: ['5.3'] },
    expected: /LuaSocket for Lua 5\.1 is missing; apt-get install lua-socket; then run this again/,
  },
  { name: 'ModSecurity has no Lua', changes: { library: { hasJson: true, lua: undefined } }, expected: /built without Lua/ },
  {
    name: 'mod_lua is loaded',
    changes: { modules: new Set(['unique_id', 'security2', 'lua']) },
    expected: /two versions of Lua in one process crash it; a2dismod lua/,
  },
]
for (const { name, changes, expected } of PLUGIN_OFF)
  test(`the plugin is left out, and the rest done, where ${name}`, () => {
    const plan = planned(apache(changes))
    assert.match(plan.notes.join('\n'), expected)
    assert.deepEqual(
      brief(plan.steps),
      STOCK_APACHE.filter(line => !line.includes('plugins') && !line.includes('EXCLUSION')),
    )
    assert.deepEqual(brief(plan.starts), ['systemctl restart modwarden.service'], 'nobody asks the scorer')
  })

test('what an admin has set for the plugin, or hooked in by hand, stays his', () => {
  const hooked = '/etc/modsecurity/crs/REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf'
  const tree = {
    '/etc/modsecurity/plugins/machine-learning-config.conf': '# mode 1, by me\n',
    '/etc/modsecurity/plugins/machine-learning-before.conf': '# old\n',
    [hooked]: 'Include /etc/modsecurity/plugins/machine-learning-before.conf\n',
  }
  const steps = brief(planned(apache({ tree })).steps)
  assert.ok(!steps.some(line => line.includes('machine-learning-config') || line.includes('EXCLUSION')), steps.join('\n'))
  assert.ok(steps.includes('write /etc/modsecurity/plugins/machine-learning-before.conf'), 'code is brought up to date')
})

test('a file that somebody edited since setup wrote it is left, and told; a newer version of our own text replaces the old one', () => {
  const path = '/etc/modsecurity/modwarden-audit-log-apache.conf'
  const ours = new Map([[path, { before: null, after: 'old\n' }]])
  const edited = planned(apache({ tree: { [path]: 'edited\n' }, written: ours }))
  assert.ok(!brief(edited.steps).includes(`write ${path}`))
  assert.match(edited.notes.join('\n'), /modwarden-audit-log-apache\.conf was edited since setup wrote it/)
  assert.ok(brief(planned(apache({ tree: { [path]: 'old\n' }, written: ours })).steps).includes(`write ${path}`))
})

test('an interrupted run that noted a change and did not make it is completed', () => {
  const path = '/etc/modsecurity/modwarden-audit-log-apache.conf'
  const noted = new Map([[path, { before: 'theirs\n', after: 'ours\n' }]])
  assert.ok(brief(planned(apache({ tree: { [path]: 'theirs\n' }, written: noted })).steps).includes(`write ${path}`))
})

test('modules: those that are needed are loaded with what they need, and Apache is started anew for ModSecurity', () => {
  const plan = planned(apache({ modules: new Set(['setenvif']) }), { domain: 'shop.example.com' })
  assert.ok(brief(plan.steps).includes('a2enmod -q unique_id security2 headers'))
  assert.equal(plan.takeOver, 'restart')
  const run = plan.steps.find(step => step.kind === 'run')!
  assert.deepEqual(run.undo, ['a2dismod', '-q', '-f', 'headers', 'security2', 'unique_id'])
})

test("with nginx's own Lua the plugin asks by it, or not at all", () => {
  const modules = new Set(['modsecurity', 'lua'])
  const lua = 'write /etc/nginx/conf.d/machine-learning-nginx.conf'
  assert.ok(brief(planned(nginx({ modules, luaSockets: [] })).steps).includes(lua))
  const tree = {
    '/etc/nginx/nginx.conf': 'http { include /etc/nginx/sites-enabled/*; }',
    '/etc/nginx/sites-enabled/a.conf': 'server { modsecurity on; modsecurity_rules_file /etc/nginx/own-rules.conf; }',
    '/etc/nginx/own-rules.conf': 'Include x\n',
  }
  const plan = planned(nginx({ modules, tree }))
  assert.ok(!brief(plan.steps).some(line => line.includes('machine-learning')), brief(plan.steps).join('\n'))
  assert.match(plan.notes.join('\n'), /nginx loads its own Lua, and does not read/)
})

test('nginx: ModSecurity is turned on for all servers by files of ours', () => {
  const plan = planned(nginx({ modules: new Set() }), { enforce: true })
  assert.deepEqual(brief(plan.steps).slice(-4), [
    'write /etc/nginx/modwarden/rules.conf',
    'write /etc/nginx/conf.d/modwarden.conf',
    'link /etc/nginx/modules-enabled/50-mod-http-modsecurity.conf',
    'write /etc/modwarden/conf.d/50-setup.toml',
  ])
  assert.deepEqual(text(plan, '/etc/nginx/modwarden/rules.conf')!.split('\n').slice(1, -1), [
    'Include /etc/nginx/modsecurity.conf',
    'Include /etc/nginx/modwarden/audit-log.conf',
    'Include /etc/nginx/modwarden/engine.conf',
    'Include /etc/modsecurity/crs/crs-setup.conf',
    'Include /etc/modsecurity/crs/REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf',
    'Include /etc/modsecurity/plugins/machine-learning-config.conf',
    'Include /etc/modsecurity/plugins/machine-learning-before.conf',
    'Include /usr/share/modsecurity-crs/rules/*.conf',
    'Include /etc/modsecurity/crs/RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf',
    'Include /etc/modsecurity/plugins/machine-learning-after.conf',
  ])
})

function withoutRules(): Facts {
  const facts = factsOf(NGINX_REDHAT, { modules: new Set(['modsecurity']) })
  return { ...facts, exists: path => !path.startsWith('/usr/share/modsecurity-crs') && facts.exists(path) }
}

const PROBLEMS: { name: string; facts: Facts; more?: Partial<Wish>; expected: RegExp }[] = [
  { name: 'without JSON', facts: apache({ library: { hasJson: false, lua: '5.1' } }), expected: /built without JSON/ },
  {
    name: 'without rules',
    facts: apache({ loaded: [] }),
    expected: /without rules ModSecurity finds nothing; apt-get install modsecurity-crs/,
  },
  {
    name: 'with a link for a log',
    facts: apache({ log: { folder: null, file: null, link: '/var/log/modsecurity' } }),
    expected: /is a symbolic link/,
  },
  { name: 'without the group adm', facts: apache({ adm: undefined }), expected: /no group adm/ },
  {
    name: 'with --enforce against an admin who observes',
    facts: apache({ settings: [{ name: '/etc/modwarden/modwarden.toml', values: { mode: 'observe' } }] }),
    more: { enforce: true },
    expected: /modwarden\.toml says mode = "observe", which --enforce cannot overrule/,
  },
  {
    name: 'of an nginx without conf.d',
    facts: nginx({ tree: { '/etc/nginx/nginx.conf': 'http { }' } }),
    expected: /does not include \/etc\/nginx\/conf\.d/,
  },
  {
    name: 'of an nginx without rules where there is no apt-get',
    facts: withoutRules(),
    expected: /Core Rule Set is not in .*; turn ModSecurity on in nginx, with a modsecurity_rules_file/,
  },
  {
    name: 'of an nginx whose rules stand inline',
    facts: nginx({ tree: { '/etc/nginx/conf.d/a.conf': "server { modsecurity on; modsecurity_rules 'SecRuleEngine On'; }" } }),
    expected: /conf\.d\/a\.conf:1 has ModSecurity on without a rules file/,
  },
  {
    name: 'with SELinux but no semanage',
    facts: apache({ selinux: { contexts: undefined, canConnect: false } }),
    expected: /semanage is missing/,
  },
]
for (const { name, facts, more, expected } of PROBLEMS)
  test(`a problem is told, and nothing planned, ${name}`, () => {
    const result = planSetup(facts, wish(facts, more))
    assert.ok(!result.ok)
    assert.match(result.problems.join('\n'), expected)
  })

test('a rotation of somebody else is left alone, and told', () => {
  const plan = planned(apache({ rotations: [{ path: '/etc/logrotate.d/own', text: '/var/log/modsecurity/*.log { weekly }' }] }))
  assert.ok(!brief(plan.steps).some(line => line.includes('logrotate')))
  assert.match(plan.notes.join('\n'), /\/etc\/logrotate\.d\/own rotates \/var\/log\/modsecurity already/)
})

test('what says otherwise for a part of the server, or behind our settings, is told', () => {
  const site = '<VirtualHost *:80>\nSecAuditLog /srv/a.log\nSecRuleEngine Off\n</VirtualHost>\n'
  const tree = { '/etc/apache2/sites-enabled/a.conf': site }
  assert.deepEqual(planned(apache({ tree })).notes, [
    '/etc/apache2/sites-enabled/a.conf:2 has its own /srv/a.log for a part of the server, whose entries may not reach modwarden; that is left as it is',
    '/etc/apache2/sites-enabled/a.conf:3 turns ModSecurity off for a part of the server; that is left as it is',
  ])
  const ours = '/etc/modsecurity/modwarden-audit-log-apache.conf'
  const [before, behind] = ['/etc/modsecurity/modsecurity.conf', '/etc/modsecurity/z.conf']
  const main = 'SecRequestBodyAccess On\nSecRuleEngine DetectionOnly\nSecAuditLog /x\n'
  const files = { [before]: main, [ours]: 'SecAuditLog /z\n', [behind]: 'SecAuditLog /y\n' }
  const facts = apache({ tree: files, loaded: [before, ours, behind, ...apache().loaded] })
  assert.ok(
    planned(facts).notes.includes(
      "/etc/modsecurity/z.conf:1 is read behind setup's settings of the log and overrules them; take that line away",
    ),
  )
  assert.ok(!planned(facts).notes.some(note => note.startsWith('/etc/modsecurity/modsecurity.conf')))
})

test('an engine that is read behind that of setup is told, and is what counts', () => {
  const { engineFile } = apache().layout
  const behind = '/etc/modsecurity/z.conf'
  const read = (mode: string, last: string) => {
    const tree = { [engineFile]: `SecRuleEngine ${mode}\n`, [behind]: `SecRuleEngine ${last}\n` }
    return apache({ tree, loaded: [engineFile, behind, ...apache().loaded] })
  }
  assert.deepEqual(overruled(read('On', 'DetectionOnly')), [
    "/etc/modsecurity/z.conf:1 is read behind setup's SecRuleEngine On and overrules it (DetectionOnly); take that line away",
  ])
  assert.ok(!isDenying(read('On', 'DetectionOnly')))
  assert.deepEqual(overruled(read('On', 'on')), [])
  assert.ok(isDenying(read('On', 'on')))
})

test('a server that does not read what setup writes is found out', () => {
  const { auditFile } = apache().layout
  assert.match(whyUnread(apache(), undefined)!, /apache2 does not read .*; add 'IncludeOptional \/etc\/modsecurity\/modwarden-\*\.conf'/)
  assert.equal(whyUnread(apache({ loaded: [auditFile] }), undefined), undefined)
  assert.equal(whyUnread(nginx(), undefined), undefined, 'its block names the file')
  const site = { '/etc/nginx/sites-enabled/a.conf': 'server { server_name shop.example.com; }' }
  assert.equal(whyUnread(nginx({ tree: site }), 'shop.example.com'), undefined)
  assert.match(
    whyUnread(nginx(), 'shop.example.com')!,
    /nginx does not read the site of shop\.example\.com; have its configuration include/,
  )
})
