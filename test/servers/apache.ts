import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { until } from '../until.ts'
import { freePort, modsecuritySettings, type ServerOptions, type WebServer } from './common.ts'
import { startApplication } from './nginx.ts'

const MODULES = '/usr/lib/apache2/modules'
/** mod_security2 takes its ids from unique_id; remoteip makes documentation addresses clients. */
const WANTED = ['mpm_event', 'authz_core', 'unique_id', 'remoteip', 'proxy', 'proxy_http', 'security2']

/** Why Apache with ModSecurity 2 cannot run here; undefined when it can. */
export function whyNoApache(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root to start apache with its own user'
  const paths = ['/usr/sbin/apache2', `${MODULES}/mod_security2.so`, '/usr/share/modsecurity-crs/rules']
  return paths.every(path => existsSync(path)) ? undefined : 'needs apache with ModSecurity 2 (scripts/setup-debian installs it)'
}

/** Starts an Apache of the test's own on loopback, in front of a small application; the client's address is taken from X-Real-IP.
 *  USR1 makes it reopen its logs. */
export async function startApache(options: ServerOptions): Promise<WebServer> {
  const { folder } = options
  const storage = join(folder, 'storage')
  for (const path of [folder, storage, join(folder, 'log'), join(folder, 'data')]) {
    mkdirSync(path, { recursive: true })
    chmodSync(path, 0o777)
  }
  const auditLog = join(folder, 'log/audit.log')
  const application = await startApplication()
  const port = await freePort()
  writeFileSync(join(folder, 'modsecurity.conf'), `SecDataDir ${folder}/data\n${modsecuritySettings({ ...options, auditLog, storage })}`)
  writeFileSync(join(folder, 'apache.conf'), apacheSettings(folder, port, (application.address() as AddressInfo).port))
  const apache = spawn('/usr/sbin/apache2', ['-d', folder, '-f', join(folder, 'apache.conf'), '-DFOREGROUND'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  await until('apache answers', () =>
    fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => failed(apache, folder),
    ),
  )
  return {
    port,
    pid: apache.pid!,
    auditLog,
    storage,
    signal: name => void apache.kill(`SIG${name}`),
    async stop() {
      apache.kill('SIGTERM')
      await until('apache has ended', () => apache.exitCode !== null || apache.signalCode !== null)
      application.closeAllConnections()
      application.close()
    },
  }
}

function failed(apache: ChildProcess, folder: string): false {
  if (apache.exitCode !== null)
    throw new Error(`apache ended: ${existsSync(join(folder, 'error.log')) ? readFileSync(join(folder, 'error.log'), 'utf8') : ''}`)
  return false
}

function apacheSettings(folder: string, port: number, application: number): string {
  return `${WANTED.map(name => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join('\n')}
ServerName shop.example
DefaultRuntimeDir ${folder}
PidFile ${folder}/apache.pid
ErrorLog ${folder}/error.log
User www-data
Group www-data
StartServers 2
ServerLimit 4
ThreadsPerChild 8
MaxRequestWorkers 32
MinSpareThreads 8
MaxSpareThreads 32
Listen 127.0.0.1:${port}
RemoteIPHeader X-Real-IP
RemoteIPInternalProxy 127.0.0.0/8
ProxyPass / http://127.0.0.1:${application}/
Include ${folder}/modsecurity.conf
`
}
