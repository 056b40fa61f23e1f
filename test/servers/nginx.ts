import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { until } from '../until.ts'
import { freePort, modsecuritySettings, type ServerOptions, type WebServer } from './common.ts'

const MODULE = '/usr/lib/nginx/modules/ngx_http_modsecurity_module.so'

const LUA_MODULES = ['ndk_http', 'ngx_http_lua'].map(name => `/usr/lib/nginx/modules/${name}_module.so`)

/** Why nginx with its own Lua cannot run here; undefined when it can. */
export function whyNoNginxLua(): string | undefined {
  return (
    whyNoNginx() ??
    (LUA_MODULES.every(path => existsSync(path)) ? undefined : 'needs libnginx-mod-http-lua (scripts/setup-debian installs it)')
  )
}

/** Why nginx with libmodsecurity 3 cannot run here; undefined when it can. */
export function whyNoNginx(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root to start nginx with its own user'
  return existsSync(MODULE) ? undefined : 'needs nginx with libmodsecurity 3 (scripts/setup-debian installs it)'
}

/** Starts an nginx of the test's own on loopback, in front of a small application; the client's address is taken from X-Real-IP.
 *  With its own Lua it speaks HTTP/2 on FOLDER/h2.sock. */
export async function startNginx(options: ServerOptions): Promise<WebServer> {
  const { folder } = options
  const storage = join(folder, 'storage')
  for (const path of [folder, storage, join(folder, 'log')]) {
    mkdirSync(path, { recursive: true })
    chmodSync(path, 0o777)
  }
  const auditLog = join(folder, 'log/audit.log')
  const application = await startApplication()
  const port = await freePort()
  writeFileSync(join(folder, 'modsecurity.conf'), modsecuritySettings({ ...options, auditLog, storage }))
  writeFileSync(join(folder, 'nginx.conf'), nginxSettings(options, port, (application.address() as AddressInfo).port))
  const nginx = spawn('/usr/sbin/nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: ['ignore', 'inherit', 'inherit'] })
  await until('nginx answers', () =>
    fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => failed(nginx, folder),
    ),
  )
  return {
    port,
    pid: nginx.pid!,
    auditLog,
    storage,
    signal: name => void nginx.kill(`SIG${name}`),
    async stop() {
      nginx.kill('SIGTERM')
      await until('nginx has ended', () => nginx.exitCode !== null || nginx.signalCode !== null)
      application.closeAllConnections()
      application.close()
    },
  }
}

function failed(nginx: ChildProcess, folder: string): false {
  if (nginx.exitCode !== null)
    throw new Error(`nginx ended: ${existsSync(join(folder, 'error.log')) ? readFileSync(join(folder, 'error.log'), 'utf8') : ''}`)
  return false
}

function nginxSettings({ folder, nginxLua }: ServerOptions, port: number, application: number): string {
  return `${nginxLua === undefined ? '' : LUA_MODULES.map(path => `load_module ${path};\n`).join('')}load_module ${MODULE};
daemon off;
user www-data;
worker_processes 2;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;
events { worker_connections 512; }
http {
  access_log off;
  ${nginxLua === undefined ? '' : `include ${nginxLua};`}
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  ${nginxLua === undefined ? '' : `server { listen 127.0.0.1:${port}; server_name overruled.example; server_rewrite_by_lua_block { return } ${serverSettings(folder, application)} }`}
  server {
    listen 127.0.0.1:${port} default_server;
    ${nginxLua === undefined ? '' : `listen unix:${folder}/h2.sock http2;`}
    ${serverSettings(folder, application)}
  }
}
`
}

function serverSettings(folder: string, application: number): string {
  return `set_real_ip_from 127.0.0.0/8;
    real_ip_header X-Real-IP;
    modsecurity on;
    modsecurity_rules_file ${folder}/modsecurity.conf;
    location / {
      proxy_pass http://127.0.0.1:${application};
      proxy_set_header Host $host;
    }`
}

/** The application behind the server: it answers everything. */
export async function startApplication(): Promise<Server> {
  const server = createServer({ maxHeaderSize: 2 ** 17 }, (request, response) => {
    request.resume()
    request.on('end', () =>
      response.writeHead(request.url?.startsWith('/missing') ? 404 : 200, { 'content-type': 'text/html' }).end('<p>shop</p>'),
    )
  })
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  return server
}
