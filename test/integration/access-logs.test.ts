import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openTrainingSource } from '../../src/edge/training/source.ts'
import { freePort } from '../servers/common.ts'
import { until } from '../until.ts'

const MODULES = '/usr/lib/apache2/modules'
const FORMATS = ['common', 'combined', 'vhost'] as const
const USER = 'eve " [10/Oct/2026:13:55:36 +0000] "GET /forged HTTP/1.1" 200 1 "-" "-'
const AGENT = 'quoted "agent" \\ back\\"slash \xe4\xff [x]'

type Sent = { uri: string; agent?: string; referer?: string }
const SENT: readonly Sent[] = [
  { uri: '/plain?a=1&b=%20', agent: 'Mozilla/5.0 (X11)', referer: 'http://shop.example/' },
  { uri: `/quotes?q="'\\x41\\`, agent: AGENT, referer: '"' },
  { uri: '/no-headers' },
  { uri: '/dashes', agent: 'x -', referer: '- x' },
]

function nginxSettings(folder: string, port: number): string {
  return `daemon off; user www-data; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log warn;
events { worker_connections 64; }
http {
  log_format common '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent';
  log_format vhost '$host:$server_port $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"';
  ${['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name === 'body' ? 'client_body' : name}_temp_path ${folder}/${name};`).join(' ')}
  server {
    listen 127.0.0.1:${port};
    ${FORMATS.map(format => `access_log ${folder}/${format}.log ${format};`).join(' ')}
    location / { return 200 "shop"; }
  }
}`
}

function apacheSettings(folder: string, port: number): string {
  return `${['mpm_event', 'authz_core', 'log_config']
    .filter(name => existsSync(`${MODULES}/mod_${name}.so`))
    .map(name => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`)
    .join('\n')}
ServerName shop.example
DefaultRuntimeDir ${folder}
PidFile ${folder}/apache.pid
ErrorLog ${folder}/error.log
User www-data
Group www-data
Listen 127.0.0.1:${port}
DocumentRoot ${folder}
LogFormat "%h %l %u %t \\"%r\\" %>s %O" common
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
LogFormat "%v:%p %h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\"" vhost
${FORMATS.map(format => `CustomLog ${folder}/${format}.log ${format}`).join('\n')}
`
}

const SERVERS = [
  {
    name: 'nginx',
    program: '/usr/sbin/nginx',
    args: (folder: string) => ['-p', folder, '-c', join(folder, 'server.conf')],
    settings: nginxSettings,
  },
  {
    name: 'apache',
    program: '/usr/sbin/apache2',
    args: (folder: string) => ['-d', folder, '-f', join(folder, 'server.conf'), '-DFOREGROUND'],
    settings: apacheSettings,
  },
]

for (const { name, program, args, settings } of SERVERS) {
  const why = process.getuid?.() !== 0 ? 'needs root' : existsSync(program) ? false : `needs ${program} (scripts/setup-debian installs it)`
  test(`what a real ${name} writes into its access logs is what its clients sent`, { skip: why }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'access-'))
    chmodSync(folder, 0o777)
    const port = await freePort()
    writeFileSync(join(folder, 'server.conf'), settings(folder, port))
    const server = spawn(program, args(folder), { stdio: ['ignore', 'inherit', 'inherit'] })
    try {
      await until(`${name} answers`, () =>
        fetch(`http://127.0.0.1:${port}/`).then(
          () => true,
          () => false,
        ),
      )
      const authorization = Buffer.from(`${USER}:secret`, 'latin1').toString('base64')
      for (const { uri, agent, referer } of SENT) {
        const headers = ['Host: shop.example', 'Connection: close', `Authorization: Basic ${authorization}`]
        if (agent !== undefined) headers.push(`User-Agent: ${agent}`)
        if (referer !== undefined) headers.push(`Referer: ${referer}`)
        await send(port, `GET ${uri} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`)
      }
      await send(port, '\x16\x03\x01\x02\0\x01\r\n\r\n')
      await send(port, 'GET\r\n\r\n')
      // Servers write their log when the request is over, perhaps after the answer.
      await until('everything is logged', () => FORMATS.every(format => linesOf(folder, format).length >= SENT.length + 3))
      for (const format of FORMATS) await compare(folder, format)
    } finally {
      server.kill('SIGTERM')
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
      rmSync(folder, { recursive: true })
    }
  })
}

async function compare(folder: string, format: (typeof FORMATS)[number]): Promise<void> {
  const source = openTrainingSource([join(folder, `${format}.log`)])
  assert.equal(source.files[0]?.kind, 'access-log')
  const items = await Array.fromAsync(source.read())
  source.close()
  const read = items.flatMap(item => (item.ok && item.request.uri !== '/' ? item.request : []))
  assert.deepEqual(
    read.map(({ uri }) => uri),
    SENT.map(({ uri }) => uri),
  )
  for (const [at, { headers, knownHeaders }] of read.entries()) {
    const { agent, referer } = SENT[at]!
    const expected: [string, string | undefined][] = [['Host', format === 'vhost' ? 'shop.example' : undefined]]
    if (format !== 'common') expected.push(['User-Agent', agent], ['Referer', referer])
    assert.deepEqual(
      headers.map(([header, value]) => [header, header === 'Host' ? value.replace(/:\d+$/, '') : value]),
      expected.filter(([, value]) => value !== undefined),
    )
    assert.equal(knownHeaders, 'few')
  }
  const recent = items.flatMap(item => (item.ok ? [[item.ip, Math.abs((item.at ?? 0) - Date.now()) < 60_000]] : []))
  assert.deepEqual(recent, Array(recent.length).fill(['127.0.0.1', true]))
  assert.equal(items.filter(item => !item.ok).length, 2)
}

async function send(port: number, bytes: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  socket.end(Buffer.from(bytes, 'latin1'))
  await once(socket, 'close')
}

function linesOf(folder: string, format: string): string[] {
  const path = join(folder, `${format}.log`)
  return existsSync(path) ? readFileSync(path, 'latin1').trim().split('\n') : []
}
