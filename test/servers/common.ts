import { request } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'

export type ServerOptions = {
  folder: string
  format: 'JSON' | 'Native'
  type: 'Serial' | 'Concurrent'
  parts?: string
  moreRules?: string
  /** Directives directly before the rules of the Core Rule Set, and directly behind them: where a plugin goes. */
  beforeCrs?: string
  afterCrs?: string
  /** The folder of the rules, when they are not Debian's. */
  crsRules?: string
  /** A file for the http block of an nginx that has its own Lua. */
  nginxLua?: string
}

/** A running web server of a test's own. USR1 is what logrotate's scripts send. */
export type WebServer = {
  port: number
  pid: number
  auditLog: string
  storage: string
  signal(name: 'USR1' | 'HUP'): void
  stop(): Promise<void>
}

/** Writes ModSecurity's settings for both engines: the Core Rule Set as Debian ships it, and an audit log of every request. */
export function modsecuritySettings({
  format,
  type,
  parts = 'ABCFHZ',
  moreRules = '',
  beforeCrs = '',
  afterCrs = '',
  crsRules = '/usr/share/modsecurity-crs/rules',
  auditLog,
  storage,
}: ServerOptions & { auditLog: string; storage: string }): string {
  return `SecRuleEngine On
SecRequestBodyAccess On
SecRequestBodyLimit 13107200
SecRequestBodyNoFilesLimit 131072
SecResponseBodyAccess Off
SecUnicodeMapFile /etc/modsecurity/unicode.mapping 20127
SecAuditEngine On
SecAuditLogParts ${parts}
SecAuditLogFormat ${format}
SecAuditLogType ${type}
SecAuditLog ${auditLog}
SecAuditLogStorageDir ${storage}
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\\+|/)|text/)xml" "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
${moreRules}
Include /etc/modsecurity/crs/crs-setup.conf
${beforeCrs}
Include ${crsRules}/*.conf
${afterCrs}
`
}

/** A port on loopback that nobody uses right now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => void server.close(resolve))
  return port
}

export type Sent = { ip: string; method?: string; path: string; headers?: Record<string, string>; body?: string }

/** Sends a request as a client with the address `ip`, whom the server believes because it trusts loopback; gives the status. */
export function send(port: number, { ip, method = 'GET', path, headers = {}, body }: Sent): Promise<number> {
  return new Promise((resolve, reject) => {
    const all = {
      Host: 'shop.example',
      'X-Real-IP': ip,
      ...(body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
      ...headers,
    }
    const sent = request({ host: '127.0.0.1', port, method, path, headers: all }, response => {
      response.resume()
      response.on('end', () => resolve(response.statusCode!))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
