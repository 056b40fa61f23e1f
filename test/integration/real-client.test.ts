import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { createFindClient } from '../../src/core/client.ts'
import { startApache, whyNoApache } from '../servers/apache.ts'
import { startNginx, whyNoNginx } from '../servers/nginx.ts'
import { createReading } from '../servers/reading.ts'

const SERVERS = [
  { name: 'nginx with ModSecurity 3', start: startNginx, skip: whyNoNginx() ?? false },
  { name: 'Apache with ModSecurity 2', start: startApache, skip: whyNoApache() ?? false },
]
const PROXIES = ['127.0.0.0/8', '192.0.2.0/24']
const PROXY = '127.0.0.1'

/** What a proxy on loopback passes on, and whom that means. */
const cases: { path: string; header: string; lines: string[]; expected: string }[] = [
  { path: '/none', header: 'X-Forwarded-For', lines: [], expected: PROXY },
  { path: '/one', header: 'X-Forwarded-For', lines: ['X-Forwarded-For: 198.51.100.7'], expected: '198.51.100.7' },
  {
    path: '/several',
    header: 'X-Forwarded-For',
    lines: ['X-Forwarded-For: 203.0.113.9', 'X-Other: 1', 'x-forwarded-for: 198.51.100.7, 192.0.2.1'],
    expected: '198.51.100.7',
  },
  {
    path: '/forged',
    header: 'X-Forwarded-For',
    lines: ['X-Forwarded-For: 203.0.113.9", 127.0.0.1,', 'X-Forwarded-For: [2001:db8::5]:443'],
    expected: '2001:db8::5',
  },
  { path: '/garbage', header: 'X-Forwarded-For', lines: ['X-Forwarded-For: 203.0.113.9, \\x31'], expected: PROXY },
  {
    path: '/forwarded',
    header: 'Forwarded',
    lines: ['Forwarded: for="203.0.113.9', 'Forwarded: for="[2001:db8::5]:4711";proto=https'],
    expected: '2001:db8::5',
  },
  {
    path: '/cdn',
    header: 'CF-Connecting-IP',
    lines: ['CF-Connecting-IP: 198.51.100.7', 'X-Forwarded-For: 203.0.113.9'],
    expected: '198.51.100.7',
  },
]

async function sendLines(port: number, path: string, lines: readonly string[]): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.write(`${[`GET ${path} HTTP/1.1`, 'Host: shop.example', ...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`)
  assert.match(await text(socket), /^HTTP\/1\.1 /)
}

for (const { name, start, skip } of SERVERS) {
  for (const format of ['JSON', 'Native'] as const) {
    test(`${name}, ${format}: the client behind a proxy is found in what the server logs`, { skip, timeout: 60_000 }, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'modwarden-client-'))
      const server = await start({ folder, format, type: 'Serial' })
      const reading = createReading(server)
      try {
        for (const { path, lines } of cases) await sendLines(server.port, path, lines)
        await reading.settled('all requests are read', () =>
          cases.every(({ path }) => reading.events.some(({ request }) => request?.uri === path)),
        )
        for (const { path, header, expected } of cases) {
          const { ip, request } = reading.events.find(event => event.request?.uri === path)!
          assert.equal(ip, PROXY, 'the log has the proxy')
          assert.equal(createFindClient(PROXIES, header)(ip, request!.headers).ip, expected, path)
        }
      } finally {
        await reading.close()
        await server.stop()
        rmSync(folder, { recursive: true })
      }
    })
  }
}
