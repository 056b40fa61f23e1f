import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Scored } from '../../../src/core/model/model.ts'
import type { HttpRequest } from '../../../src/core/types.ts'
import { loadBaseModel } from '../../../src/edge/model-file.ts'
import { netstrings, originalMessage } from '../../scoring-messages.ts'
import { until } from '../../until.ts'
import { exchange, freePort, get, post, readAnswer, startScorer, type TestScorer } from './scorer.ts'

const ML = 'application/x-modsec-ml'
const FORM = 'application/x-www-form-urlencoded'
const seen: HttpRequest[] = []
/** Says the score that the request asks for: `want=7.25`, `capped` for a host without local data. */
const score = (_: unknown, request: HttpRequest) => {
  seen.push(request)
  if (request.uri.includes('boom')) throw new Error('broken model')
  return { score: Number(/want=([\d.]+)/.exec(request.uri)?.[1] ?? 1), raw: 0.5, capped: request.uri.includes('capped') } as Scored
}
let scorer: TestScorer
let port = 0
before(async () => {
  port = await freePort()
  scorer = await startScorer({ score: { listen: `127.0.0.1:${port}` }, parts: { score } })
})
after(() => scorer.stop())

const ask = (...fields: [string, string][]) => post(scorer.socket, '/v1/score', ML, netstrings(fields))

test('the socket is for its user and group alone', () => assert.equal(statSync(scorer.socket).mode & 0o777, 0o660))

test('GET / says that it is up, as the original server does', async () => {
  assert.deepEqual((await get(scorer.socket, '/')).body, 'Service is up')
  assert.equal((await get(scorer.socket, '/healthz')).status, 200)
})

const original: [string, Parameters<typeof originalMessage>[0], number, string][] = [
  ['passes an ordinary request', { path: '/', args: [['want', '2.1']] }, 200, '2.10'],
  ['calls a strange one an anomaly', { path: '/', args: [['want', '7.25']] }, 401, '7.25'],
  ['never says 0', { path: '/', args: [['want', '0']] }, 200, '0.01'],
  ['has nothing to say where local data is wanting', { path: '/capped' }, 503, 'too little local data\n'],
  ['answers all the same when the model fails', { path: '/boom' }, 503, 'failed\n'],
]
for (const [name, message, status, body] of original) {
  test(`the original client's protocol ${name}`, async () => {
    const answer = await post(scorer.socket, '/', FORM, originalMessage(message))
    assert.deepEqual([answer.status, answer.body], [status, body])
  })
}

test("the original client's own bytes are understood over TCP", async () => {
  const body = 'method=GET&path=/path&args={"ARGS:a":"1","ARGS:b":"x&hour=1"}&files={}&sizes={}&hour=09&day=22'
  const bytes = `POST / HTTP/1.1\r\nConnection: close, TE\r\nContent-Length: ${body.length}\r\nUser-Agent: LuaSocket 3.0.0\r\nTE: trailers\r\nContent-Type: ${FORM}\r\nHost: 127.0.0.1:5001\r\n\r\n${body}`
  const { text, how } = await exchange(port, bytes)
  assert.equal(how, 'closed')
  assert.equal(readAnswer(text).status, 200)
  assert.equal(seen.at(-1)!.uri, '/path?a=1&b=x%26hour%3D1')
})

test('the evasion of the original frame is scored as a whole', async () => {
  await post(scorer.socket, '/', FORM, originalMessage({ path: '/x&args={}&files={}&hour=1&day=1?q=../../etc/passwd' }))
  assert.deepEqual([seen.at(-1)!.oddFraming, seen.at(-1)!.uri.includes('../../etc/passwd')], [true, true])
})

test('our own protocol says the score and what follows', async () => {
  assert.equal((await ask(['u', '/?want=7.25'])).body, '7.25 deny\n')
  assert.equal((await ask(['u', '/?want=6.99'])).body, '6.99 pass\n')
  assert.equal((await ask(['u', '/capped'])).status, 503)
  assert.equal((await ask(['u', '/boom'])).status, 503)
  assert.equal((await ask(['m', 'GET'])).status, 400)
  assert.ok(scorer.told.some(({ event }) => event === 'request.failed'))
})

test('people get the score of the real model with its reasons', async () => {
  const base = loadBaseModel()
  assert.ok(base.ok)
  const answer = await post(
    scorer.socket,
    '/v1/score',
    'application/json; charset=utf-8',
    '{"uri":"/?a=1","headers":{},"ip":{"toString":1}}',
  )
  const value = JSON.parse(answer.body) as Record<string, unknown>
  assert.deepEqual([answer.status, typeof value.anomaly_score, value.model], [200, 'number', base.value.version])
  for (const body of ['', '[]', 'null', '{"uri":1}', '{']) {
    const refused = await post(scorer.socket, '/v1/score', 'application/json', body)
    assert.equal(refused.status, 400)
    assert.equal(typeof (JSON.parse(refused.body) as { error: string }).error, 'string')
  }
})

const others: [string, string, string, number][] = [
  ['POST', '/v1/score', 'text/plain', 400],
  ['POST', '/', FORM, 400],
  ['GET', '/v1/score', '', 405],
  ['DELETE', '/', '', 405],
  ['POST', '/metrics', '', 405],
  ['GET', '/etc/passwd', '', 404],
]
for (const [method, path, type, status] of others) {
  test(`${method} ${path} gets ${status}`, async () => {
    const { text } = await exchange(
      scorer.socket,
      `${method} ${path} HTTP/1.1\r\nConnection: close\r\nContent-Type: ${type}\r\nContent-Length: 2\r\n\r\nxy`,
    )
    assert.equal(readAnswer(text).status, status)
  })
}

test('a client that the daemon has blocked is denied, whatever it asks, until its time is over', async () => {
  const path = join(scorer.folder, 'denied')
  writeFileSync(path, `192.0.2.1 ${Math.ceil(Date.now() / 1000) + 100}\n2001:db8::/64 -\n192.0.2.3 5\nnonsense\n`)
  await until('the list is read', async () => (await ask(['u', '/'], ['ip', '192.0.2.1'])).body === '10.00 deny\n')
  assert.equal((await ask(['u', '/capped'], ['ip', '2001:db8::9'])).body, '10.00 deny\n')
  assert.equal((await ask(['u', '/'], ['ip', '192.0.2.2'])).body, '1.00 pass\n')
  assert.equal((await ask(['u', '/'], ['ip', '192.0.2.3'])).body, '1.00 pass\n')
  const json = JSON.parse((await post(scorer.socket, '/v1/score', 'application/json', '{"uri":"/","ip":"192.0.2.1"}')).body) as {
    denied?: boolean
  }
  assert.equal(json.denied, true)
  assert.match((await get(scorer.socket, '/metrics')).body, /^modwarden_score_denied_lines_ignored 1$/m)
  await until('what is left out is told', () => scorer.told.some(({ event }) => event === 'denied-file.partial'))
  assert.deepEqual(scorer.told.find(({ event }) => event === 'denied-file.partial')?.fields.ignored, 1)
  writeFileSync(path, '')
  await until('the list is empty', async () => (await ask(['u', '/'], ['ip', '192.0.2.1'])).body === '1.00 pass\n')
})

test('the metrics count what was asked', async () => {
  const { body } = await get(scorer.socket, '/metrics')
  assert.match(body, /^modwarden_score_requests_total\{protocol="form",outcome="deny"\} 1$/m)
  assert.match(body, /^modwarden_score_requests_total\{protocol="inline",outcome="capped"\} 1$/m)
  assert.match(body, /^modwarden_score_connections 1$/m)
  for (const line of body.trim().split('\n')) assert.match(line, /^(#.*|[a-z_]+(\{[^}]*\})? [\d.e+-]+)$/)
})
