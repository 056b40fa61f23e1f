import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { apacheDirectives, nginxDirectives } from '../../../src/core/setup/directives.ts'
import { APACHE_DEBIAN, AUDIT_LOG, type Layout, NGINX } from '../../../src/core/setup/layout.ts'
import { planSetup } from '../../../src/core/setup/plan.ts'
import type { Facts, SetupPlan, Step, Wish } from '../../../src/core/setup/types.ts'

const SHIPPED = fileURLToPath(new URL('../../../modsecurity/', import.meta.url))
export const shipped = (name: string) => readFileSync(SHIPPED + name, 'latin1')

export type Tree = Record<string, string>

const CRS_FILES = {
  '/etc/modsecurity/crs/crs-setup.conf': '',
  '/etc/modsecurity/crs/REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf': '# before\n',
  '/usr/share/modsecurity-crs/rules/REQUEST-901-INITIALIZATION.conf': 'SecRule A B "id:1"\n',
  '/etc/modsecurity/crs/RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf': '# after\n',
}

/** A stock Debian with Apache and ModSecurity. */
export const APACHE_TREE: Tree = {
  '/etc/apache2/mods-available/unique_id.load': 'LoadModule unique_id_module x.so\n',
  '/etc/apache2/mods-available/security2.load': '# Depends: unique_id\nLoadModule security2_module x.so\n',
  '/etc/apache2/mods-available/headers.load': 'LoadModule headers_module x.so\n',
  '/etc/apache2/mods-available/ssl.load': '# Depends: setenvif socache_shmcb\nLoadModule ssl_module x.so\n',
  '/etc/apache2/sites-enabled': '',
  '/var/www/html': '',
  '/etc/modsecurity/modsecurity.conf-recommended':
    'SecRuleEngine DetectionOnly\nSecRequestBodyAccess On\nSecAuditLog /var/log/apache2/modsec_audit.log\n',
  ...CRS_FILES,
}

export const NGINX_TREE: Tree = {
  '/etc/nginx/nginx.conf': 'user www-data;\nhttp {\n\tinclude /etc/nginx/conf.d/*.conf;\n\tinclude /etc/nginx/sites-enabled/*;\n}\n',
  '/etc/nginx/modsecurity.conf': 'SecRuleEngine DetectionOnly\nSecRequestBodyAccess On\n',
  '/etc/nginx/sites-enabled': '',
  '/usr/share/nginx/modules-available/mod-http-modsecurity.conf': 'load_module x.so;\n',
  '/usr/share/modsecurity-crs/rules': '',
  '/var/www/html': '',
  ...CRS_FILES,
}

type Changes = Partial<Omit<Facts, 'read' | 'exists' | 'directives' | 'loaded'>> & { tree?: Tree; loaded?: readonly string[] }

/** Facts about a machine whose server reads the files `loaded`, all on a stock Debian unless said otherwise. */
export function factsOf(layout: Layout, { tree = {}, loaded, ...changes }: Changes = {}): Facts {
  const base = layout.server === 'apache' ? APACHE_TREE : NGINX_TREE
  const all: Tree = { ...base, ...tree }
  const names = loaded ?? (layout.server === 'apache' ? Object.keys(CRS_FILES) : ['/etc/nginx/nginx.conf', '/etc/nginx/modsecurity.conf'])
  const files = [...names, ...Object.keys(tree).filter(path => path.endsWith('.conf') && !names.includes(path))]
  const isNginx = (path: string) => path.startsWith('/etc/nginx/') && !/modsec|rules/.test(path)
  return {
    layout,
    now: Date.UTC(2026, 0, 1),
    read: path => all[path],
    exists: path => path in all || Object.keys(all).some(name => name.startsWith(`${path}/`)),
    shipped,
    isInterrupted: false,
    written: new Map(),
    directives: files.flatMap(path => (isNginx(path) ? nginxDirectives : apacheDirectives)(path, all[path] ?? '')),
    loaded: files,
    modules: new Set(layout.server === 'apache' ? ['unique_id', 'security2'] : ['modsecurity']),
    library: { hasJson: true, lua: '5.1' },
    luaSockets: ['5.1'],
    user: { uid: 33, gids: [33] },
    group: 'www-data',
    log: { folder: null, file: null, link: undefined },
    adm: 4,
    rotations: [],
    settings: [{ name: '/etc/modwarden/conf.d/00-first.toml', values: { mode: 'observe' } }],
    settingsFolder: '/etc/modwarden',
    units: new Map(
      ['modwarden.service', 'modwarden-score.service', 'modwarden-expire.timer'].map(name => [
        name,
        { isActive: true, enabled: 'enabled' },
      ]),
    ),
    hasSystemd: true,
    selinux: undefined,
    certificates: [],
    hasIpv6: true,
    ...changes,
  }
}

export const DEBIAN = { apache: APACHE_DEBIAN, nginx: NGINX }

/** A machine on which setup has done its work: what steps wrote is there. */
export function after(steps: readonly Step[], tree: Tree): Changes {
  const next = { ...tree }
  for (const step of steps) {
    if (step.kind === 'file' && step.after !== null) next[step.path] = step.after
    if (step.kind === 'file' && step.after === null) delete next[step.path]
    if (step.kind === 'link') next[step.path] = ''
    if (step.kind === 'folder') next[step.path] = ''
  }
  const written = new Map(steps.flatMap(step => (step.kind === 'file' ? [[step.path, step] as const] : [])))
  const access = (mode: number) => ({ uid: 0, gid: 4, mode })
  return { tree: next, written, log: { folder: access(0o2750), file: access(0o640), link: undefined } }
}

/** Says in short what steps do. */
export function brief(steps: readonly Step[]): string[] {
  return steps.map(step => {
    if (step.kind === 'run') return step.run.join(' ')
    if (step.kind === 'log') return `log ${step.path === AUDIT_LOG ? '' : step.path}`.trim()
    if (step.kind === 'file') return `${step.after === null ? 'remove' : step.block ? 'block' : 'write'} ${step.path}`
    return `${step.kind} ${step.path}`
  })
}

export const apache = (changes = {}) => factsOf(DEBIAN.apache, changes)
export const nginx = (changes = {}) => factsOf(DEBIAN.nginx, changes)
export const wish = (facts: Facts, more: Partial<Wish> = {}): Wish => ({
  server: facts.layout.server,
  enforce: false,
  domain: undefined,
  ...more,
})

/** Plans, and checks that nothing stands in the way. */
export function planned(facts: Facts, more: Partial<Wish> = {}): SetupPlan {
  const result = planSetup(facts, wish(facts, more))
  assert.ok(result.ok, result.ok ? '' : result.problems.join('\n'))
  return result.plan
}

/** What a plan writes to a file. */
export const text = (plan: SetupPlan, path: string) =>
  plan.steps.flatMap(step => (step.kind === 'file' && step.path === path ? [step.after] : []))[0]
