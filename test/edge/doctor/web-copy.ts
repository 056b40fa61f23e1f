import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SYSTEM } from '../../../src/edge/doctor/places.ts'
import { readWebConfigs } from '../../../src/edge/doctor/web-configs.ts'

export const SHIPPED = fileURLToPath(new URL('../../../modsecurity/', import.meta.url))
export const LOG = '/var/log/modsecurity/audit.log'
const RECOMMENDED = '/etc/modsecurity/modsecurity.conf-recommended'
export const skip = [RECOMMENDED, '/etc/apache2/apache2.conf', '/etc/nginx/modsecurity.conf'].every(path => existsSync(path))
  ? false
  : 'needs apache and nginx with ModSecurity (scripts/setup-debian installs them)'
export const top = mkdtempSync(join(tmpdir(), 'modwarden-web-'))
after(() => rmSync(top, { recursive: true }))

/** Copies what Debian's packages install, with the paths of the copy; the rules stay where they are. */
function copyOf(...folders: readonly string[]): string {
  const root = mkdtempSync(join(top, 'etc-'))
  // Links become files: written to through one, the copy would be this machine itself.
  for (const folder of folders) execFileSync('cp', ['-rL', `/etc/${folder}`, root])
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(conf|load)$|envvars$|default$/.test(name)) continue
    write(join(root, name), text => text.replaceAll(/(?<![\w/])\/etc\/(apache2|nginx|modsecurity)/g, `${root}/$1`))
  }
  return root
}

/** Changes a file of a copy, and never anything else. */
export function write(path: string, change: (text: string) => string): void {
  assert.ok(realpathSync(path).startsWith(`${realpathSync(top)}/`), `${path} is no file of the copy`)
  writeFileSync(path, change(readFileSync(path, 'latin1')), 'latin1')
}

export function apache(change: (root: string) => void = () => {}) {
  const root = copyOf('apache2', 'modsecurity')
  copyFileSync(RECOMMENDED, join(root, 'modsecurity/modsecurity.conf'))
  const places = { ...SYSTEM, apache: [{ file: join(root, 'apache2/apache2.conf'), envvars: join(root, 'apache2/envvars') }], nginx: [] }
  change(root)
  return { root, places, web: readWebConfigs(places, []) }
}

export function nginx(change: (root: string) => void = () => {}) {
  const root = copyOf('nginx', 'modsecurity')
  const site = join(root, 'nginx/sites-enabled/default')
  const on = `\tserver_name _;\n\tmodsecurity on;\n\tmodsecurity_rules_file ${root}/nginx/modsecurity_includes.conf;`
  write(site, text => text.replace('\tserver_name _;', on))
  change(root)
  return { root, web: readWebConfigs({ ...SYSTEM, apache: [], nginx: [join(root, 'nginx/nginx.conf')] }, []) }
}

export function edit(path: string, from: RegExp, to: string): void {
  assert.match(readFileSync(path, 'utf8'), from)
  write(path, text => text.replace(from, to))
}
export const conf = (root: string) => join(root, 'modsecurity/modsecurity.conf')
