import type { Settings } from '../settings.ts'
import type { Format } from '../types.ts'
import type { WebServers } from './facts.ts'
import type { Scope, SecValue, WebConfig } from './web-config.ts'

/** Gives the value of a setting in each scope, undefined where it is not set; the same value from the same place comes once. */
export function effective(scopes: readonly Scope[], name: string): { scope: string; value: SecValue | undefined }[] {
  const found = scopes.map(scope => ({ scope: scope.name, value: scope.values.get(name) }))
  const placeOf = ({ value }: { value: SecValue | undefined }) => (value === undefined ? '' : `${value.file}:${value.line}`)
  return found.filter((one, index) => found.findIndex(other => placeOf(other) === placeOf(one)) === index)
}

/** Says where a value stands, as `FILE:LINE: name value`. */
export function placeText(name: string, value: SecValue): string {
  return `${value.file}:${value.line}: ${name} ${value.value}`
}

/** The command that sets the audit log up for the web server in use; `format` tells which one, where no configuration does. */
export function setupCommand(configs: readonly Pick<WebConfig, 'server'>[], format: Format | undefined): string {
  const servers = [...new Set(configs.map(({ server }) => server))]
  if (servers.length === 1) return `modwarden setup ${servers[0]}`
  if (format?.startsWith('v2')) return 'modwarden setup apache'
  return format?.startsWith('v3') ? 'modwarden setup nginx' : 'modwarden setup apache   # or nginx'
}

/** The parts of the web servers that write to a log, and the configurations that hold them; all configurations where none says so. */
export function writersOf(configs: readonly WebConfig[], path: string): { configs: readonly WebConfig[]; scopes: readonly Scope[] } {
  const isWriter = (scope: Scope) => scope.values.get('secauditlog')?.value === path
  const writers = configs.filter(({ scopes }) => scopes.some(isWriter))
  return { configs: writers.length > 0 ? writers : configs, scopes: writers.flatMap(({ scopes }) => scopes.filter(isWriter)) }
}

/** Says whether a log is written by libmodsecurity 3, which keeps its file open over every reload; `newest` is the format of its last entry. */
export function isVersion3(configs: readonly WebConfig[], newest: Format | undefined): boolean {
  if (newest !== undefined) return newest.startsWith('v3')
  return configs.length > 0 && configs.every(({ server }) => server === 'nginx')
}

/** Which kind of web server a program is. */
export function serverOf(program: string): WebConfig['server'] {
  return program === 'apache2' || program === 'httpd' ? 'apache' : 'nginx'
}

/** The user of the web server: of its running workers, first of those that have ModSecurity, else of its configuration. */
export function webUserOf(servers: WebServers | undefined, configs: readonly WebConfig[]): string | undefined {
  const workers = servers?.running.filter(({ isMaster, account }) => !isMaster && account.uid !== 0) ?? []
  const isWaf = (program: string) => configs.some(({ server, scopes }) => server === serverOf(program) && scopes.length > 0)
  const worker = workers.find(({ program }) => isWaf(program)) ?? workers[0]
  return worker?.account.name ?? configs.find(({ user }) => user !== undefined && !user.includes('$'))?.user
}

/** A command that has a web server test its configuration and take it over. */
export function reloadCommand({ server, file }: Pick<WebConfig, 'server' | 'file'>): string {
  const service = isHttpd(file) ? 'httpd' : 'apache2'
  return server === 'apache' ? `apachectl configtest && systemctl reload ${service}` : 'nginx -t && systemctl reload nginx'
}

/** Red Hat calls Apache so. */
export function isHttpd(file: string): boolean {
  return file.includes('httpd')
}

/** The configuration whose plugin asks another scorer than the one of the settings; undefined when none does. */
export function asksOther(
  configs: readonly WebConfig[],
  { scoreSocket, scoreListen }: Pick<Settings, 'scoreSocket' | 'scoreListen'>,
): (WebConfig & { scorer: string }) | undefined {
  const asking = configs.find(config => config.scorer !== undefined)
  const own = [`unix:${scoreSocket}`, ...(scoreListen === undefined ? [] : [`http://${scoreListen.host}:${scoreListen.port}`])]
  return asking?.scorer === undefined || own.includes(asking.scorer.replace(/\/$/, '')) ? undefined : { ...asking, scorer: asking.scorer }
}
