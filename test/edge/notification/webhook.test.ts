import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import type { Payload } from '../../../src/core/notification/payload.ts'
import { createWebhook } from '../../../src/edge/notification/webhook.ts'
import { VERSION } from '../../../src/version.ts'

const PAYLOAD: Payload = {
  id: 'i',
  kind: 'block',
  event: 'address.blocked',
  at: 'a',
  host: 'h',
  number: 1,
  text: 't',
  fields: { ip: '192.0.2.1' },
}
const NOW = Date.parse('2026-01-02T03:04:05Z')
const never = new AbortController().signal
const servers: Server[] = []
const sockets = new Set<Socket>()
after(() => {
  for (const server of servers) server.close()
  for (const socket of sockets) socket.destroy()
})

async function listen(server: Server): Promise<number> {
  servers.push(server)
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const http = (answer: (request: IncomingMessage, response: ServerResponse) => void) => listen(createHttp(answer))
const webhook = (url: string, more: Partial<Parameters<typeof createWebhook>[0]> = {}) =>
  createWebhook({ url: new URL(url), header: undefined, clock: () => NOW, connectMillis: 300, totalMillis: 600, ...more })
const send = (port: number, more = {}) => webhook(`http://127.0.0.1:${port}/hook?key=SECRET`, more).send(PAYLOAD, never)

test('posts the notification as JSON, with the header', async () => {
  const seen: { request: IncomingMessage; body: string }[] = []
  const port = await http(async (request, response) => {
    seen.push({ request, body: await text(request) })
    response.writeHead(204).end()
  })
  const outcome = await send(port, { header: { name: 'Authorization', value: 'Bearer SECRET' } })
  assert.deepEqual(outcome, { ok: true, detail: 'answered 204' })
  const { request, body } = seen[0]!
  assert.deepEqual(JSON.parse(body), PAYLOAD)
  assert.deepEqual([request.method, request.url], ['POST', '/hook?key=SECRET'])
  const { authorization, 'content-type': type, 'content-length': length, 'user-agent': agent } = request.headers
  assert.deepEqual([authorization, type, Number(length), agent], ['Bearer SECRET', 'application/json', body.length, `modwarden/${VERSION}`])
})

const answers: { name: string; answer: (response: ServerResponse) => void; expected: unknown }[] = [
  { name: '200', answer: response => response.end('ok'), expected: { ok: true, detail: 'answered 200' } },
  { name: '500', answer: response => response.writeHead(500).end(), expected: { ok: false, problem: 'answered 500' } },
  { name: '404', answer: response => response.writeHead(404).end(), expected: { ok: false, problem: 'answered 404' } },
  {
    name: '429 with Retry-After in seconds',
    answer: response => response.writeHead(429, { 'Retry-After': '90' }).end(),
    expected: { ok: false, problem: 'answered 429', retryAfter: 90_000 },
  },
  {
    name: '503 with Retry-After as a date',
    answer: response => response.writeHead(503, { 'Retry-After': new Date(NOW + 5000).toUTCString() }).end(),
    expected: { ok: false, problem: 'answered 503', retryAfter: 5000 },
  },
  { name: 'no answer', answer: () => {}, expected: { ok: false, problem: 'no answer within 0.6 s' } },
  {
    name: 'endless interim answers',
    answer: response => {
      const timer = setInterval(() => (response.destroyed ? clearInterval(timer) : response.writeProcessing()), 20)
    },
    expected: { ok: false, problem: 'no answer within 0.6 s' },
  },
  {
    name: 'a connection closed without an answer',
    answer: response => response.socket!.destroy(),
    expected: { ok: false, problem: 'the connection was closed without an answer' },
  },
  {
    name: 'an answer that never ends',
    answer: response => {
      response.writeHead(200)
      const timer = setInterval(() => (response.destroyed ? clearInterval(timer) : response.write('x'.repeat(100_000))), 5)
    },
    expected: { ok: true, detail: 'answered 200' },
  },
  {
    name: 'headers without end',
    answer: response => response.socket!.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`),
    expected: { ok: false, problem: 'the request failed: HPE_HEADER_OVERFLOW' },
  },
  {
    name: 'what is no HTTP',
    answer: response => response.socket!.end('SSH-2.0-OpenSSH\r\n'),
    expected: { ok: false, problem: 'the request failed: HPE_INVALID_CONSTANT' },
  },
]
for (const { name, answer, expected } of answers) {
  test(`to ${name} it says what came of it, in bounded time`, async () => {
    const port = await http((_, response) => answer(response))
    assert.deepEqual(await send(port), expected)
  })
}

test('it follows no redirect', async () => {
  let hits = 0
  const target = await http((_, response) => void response.end(String(hits++)))
  const port = await http((_, response) => response.writeHead(307, { Location: `http://127.0.0.1:${target}/` }).end())
  assert.deepEqual(await send(port), { ok: false, problem: 'answered 307, a redirect, which is not followed: name the final address' })
  assert.equal(hits, 0)
})

test('a connection that comes to nothing ends at its own deadline', async () => {
  const port = await listen(createTcp(() => {}))
  const began = performance.now()
  const outcome = await webhook(`https://127.0.0.1:${port}/`, { totalMillis: 60_000 }).send(PAYLOAD, never)
  assert.deepEqual(outcome, { ok: false, problem: 'no connection within 0.3 s' })
  assert.ok(performance.now() - began < 5000)
})

test('who listens nowhere is refused, and an unknown name is said', async () => {
  const server = createTcp()
  const port = await listen(server)
  server.close()
  await once(server, 'close')
  assert.deepEqual(await send(port), { ok: false, problem: 'the connection was refused' })
  const outcome = await webhook('http://nowhere.invalid/', { connectMillis: 10_000, totalMillis: 10_000 }).send(PAYLOAD, never)
  assert.ok(!outcome.ok && /^the name of the host (is not known|could not be looked up)$/.test(outcome.problem), JSON.stringify(outcome))
})

const noOpenssl = spawnSync('openssl', ['version']).status === 0 ? false : 'needs openssl (scripts/setup-debian installs it)'
test('a certificate that nobody vouches for is refused, before anything is said', { skip: noOpenssl }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-tls-'))
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '1', ...subject], {
    stdio: 'ignore',
  })
  let hits = 0
  const port = await listen(
    createHttps({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) => void response.end(String(hits++))),
  )
  rmSync(folder, { recursive: true })
  const outcome = await webhook(`https://localhost:${port}/`, { connectMillis: 5000, totalMillis: 5000 }).send(PAYLOAD, never)
  assert.deepEqual(outcome, { ok: false, problem: 'its certificate is self-signed; trust it with update-ca-certificates' })
  assert.equal(hits, 0)
})

test('it ends at once with the signal', async () => {
  const port = await http(() => stop.abort())
  const stop = new AbortController()
  const outcome = await webhook(`http://127.0.0.1:${port}/`, { connectMillis: 60_000, totalMillis: 60_000 }).send(PAYLOAD, stop.signal)
  assert.equal(outcome.ok, false)
})

test('its name says the host and nothing that may be a secret', () => {
  assert.equal(webhook('https://user:SECRET@hooks.example:8443/SECRET?SECRET#SECRET').name, 'webhook hooks.example:8443')
})
