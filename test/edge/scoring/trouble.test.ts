import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import fc from 'fast-check'
import type { Scored } from '../../../src/core/model/model.ts'
import { netstrings, originalMessage } from '../../scoring-messages.ts'
import { until } from '../../until.ts'
import { exchange, get, open, post, readAnswer, startScorer, type TestScorer } from './scorer.ts'

const ML = 'application/x-modsec-ml'
let scorer: TestScorer
before(async () => {
  scorer = await startScorer()
})
after(async () => {
  assert.deepEqual(
    scorer.told.filter(({ event }) => event !== 'scorer.started'),
    [],
    'nothing went wrong inside',
  )
  await scorer.stop()
})

const message = (method: string, path: string, headers: string, body: string) => `${method} ${path} HTTP/1.1\r\n${headers}\r\n\r\n${body}`
const sized = (body: string, more = '') => `Content-Type: ${ML}\r\nContent-Length: ${Buffer.byteLength(body, 'latin1')}${more}`
const good = netstrings([['u', '/'], ['cs', '0']]) // biome-ignore format: a list
const isFine = async () => (await post(scorer.socket, '/v1/score', ML, good)).status === 200

/** Requests that are nearly right: parts in any order, cut and repeated anywhere. */
const piece = fc.oneof(
  fc.constantFrom(
    ...[
      'GET ',
      'POST ',
      'PRI ',
      '/',
      '/v1/score',
      ' HTTP/1.1\r\n',
      ' HTTP/1.0\r\n',
      ' HTTP/9.9\r\n',
      '\r\n',
      '\n',
      '\r\n\r\n',
      'Host: a\r\n',
    ],
    ...[
      'Content-Length: 5\r\n',
      'Content-Length: -1\r\n',
      'Content-Length: 99999999999\r\n',
      'Transfer-Encoding: chunked\r\n',
      'Expect: 100-continue\r\n',
    ],
    ...[
      'Expect: x\r\n',
      'Upgrade: h2c\r\nConnection: Upgrade\r\n',
      'Connection: close\r\n',
      `Content-Type: ${ML}\r\n`,
      'Content-Type: application/json\r\n',
    ],
    ...[
      '5\r\nhello\r\n',
      '0\r\n\r\n',
      'ffffffffff\r\n',
      '\0',
      '\xff',
      `${good}`,
      originalMessage({ path: '/' }),
      '{"uri":',
      '[[[[',
      'CONNECT a:1',
      'OPTIONS *',
    ],
  ),
  fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes).toString('latin1')),
)
const bytes = fc.array(piece, { maxLength: 14 }).map(list => list.join(''))
const whole = fc
  .record({
    path: fc.constantFrom('/', '/v1/score', '/metrics', '/?x', '//', '/v1/score?a=b'),
    type: fc.constantFrom(ML, 'application/json', 'application/x-www-form-urlencoded', '', 'x'),
    body: bytes,
  })
  .map(({ path, type, body }) => message('POST', path, `Content-Type: ${type}\r\nContent-Length: ${body.length}`, body))

test('any bytes get an answer below 500 or 503, or the connection is closed', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(bytes, whole), async text => {
      const { text: answers, how } = await exchange(scorer.socket, Buffer.from(text, 'latin1'), { limit: 2500, isHalfClosed: true })
      assert.equal(how, 'closed')
      for (const [, status] of answers.matchAll(/^HTTP\/1\.1 (\d{3})/gm)) assert.ok(Number(status) < 500 || status === '503', answers)
    }),
    { numRuns: 2000 },
  )
  assert.ok(await isFine())
})

test('several requests in one piece are answered in order, the last one as its client wants it', async () => {
  const uris = ['/a', '/b', '/c']
  const all = uris.map((uri, index) => {
    const body = netstrings([['u', uri]])
    return message('POST', '/v1/score', sized(body, index === 2 ? '\r\nConnection: close' : ''), body)
  })
  const { text, how } = await exchange(scorer.socket, all.join(''))
  assert.deepEqual([text.match(/HTTP\/1\.1 200/g)?.length, text.match(/Connection: close/g)?.length, how], [3, 1, 'closed'])
})

test('a client that has shut down its side still gets its answer', async () => {
  const { text, how } = await exchange(scorer.socket, message('POST', '/v1/score', sized(good), good), { isHalfClosed: true })
  assert.deepEqual([readAnswer(text).status, how], [200, 'closed'])
})

test('a body that stops half way gets 503 within the deadline and the connection is closed', async () => {
  const began = performance.now()
  const { text, how } = await exchange(scorer.socket, message('POST', '/v1/score', 'Content-Length: 100', 'half'))
  assert.deepEqual([readAnswer(text).status, how], [503, 'closed'])
  assert.ok(performance.now() - began < 5000, `${performance.now() - began} ms`)
})

test('a body that drips gets 503 within the deadline', async () => {
  const socket = open(scorer.socket)
  socket.on('error', () => {})
  socket.write(message('POST', '/v1/score', 'Content-Length: 1000', ''))
  const dripping = setInterval(() => socket.write('x'), 5)
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  clearInterval(dripping)
  socket.destroy()
  assert.equal(readAnswer(chunk.toString()).status, 503)
})

test('headers that drip do not hold a connection for ever', { timeout: 30_000 }, async () => {
  const { text, how } = await exchange(scorer.socket, 'POST /v1/score HTTP/1.1\r\nContent-Le', { limit: 20_000 })
  assert.deepEqual([readAnswer(text).status, how], [408, 'closed'])
})

const sizes: [string, number, number][] = [
  ['64 KiB', 65_536, 400],
  ['one byte more', 65_537, 413],
  ['1 MiB', 1 << 20, 413],
]
for (const [name, size, status] of sizes) {
  test(`a body of ${name} gets ${status}`, async () =>
    assert.equal((await post(scorer.socket, '/v1/score', ML, 'x'.repeat(size))).status, status))
}

test('an endless body is cut off', async () => {
  const socket = open(scorer.socket)
  socket.on('error', () => {})
  socket.write(message('POST', '/v1/score', 'Transfer-Encoding: chunked', ''))
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
  const pushing = setInterval(() => socket.writable && socket.write(chunk), 1)
  await closed(socket)
  clearInterval(pushing)
  assert.ok(await isFine())
})

test('long headers get 431', async () => {
  const { text, how } = await exchange(scorer.socket, message('GET', '/', `X: ${'y'.repeat(20_000)}`, ''))
  assert.deepEqual([readAnswer(text).status, how], [431, 'closed'])
})

function closed(socket: Socket): Promise<void> {
  return new Promise(resolve => void socket.once('close', () => resolve()))
}

test('a client that never reads does not hold others up, and its answers do not pile up', async () => {
  const socket = open(scorer.socket).pause()
  socket.on('error', () => {})
  const many = message('GET', '/metrics', 'Host: a', '').repeat(500)
  for (let round = 0; round < 20; round++) socket.write(many)
  const began = performance.now()
  await until('others are answered', isFine, 10_000)
  assert.ok(performance.now() - began < 10_000)
  socket.destroy()
})

test('a client that breaks off in every way leaves nothing behind', async () => {
  const request = message('POST', '/v1/score', sized(good), good)
  for (let length = 1; length <= request.length; length += 3) {
    const socket: Socket = open(scorer.socket)
    socket.on('error', () => {})
    socket.write(request.slice(0, length))
    await once(socket, 'connect')
    if (length % 2 === 0) socket.end()
    else socket.destroy()
  }
  await until('all are gone', async () => /^modwarden_score_connections 1$/m.test((await get(scorer.socket, '/metrics')).body))
})

test('a request that waited longer than the deadline gets 503, the next one is in time', { timeout: 30_000 }, async t => {
  const slow = await startScorer({
    parts: {
      score: (_, { uri }) => {
        const until = performance.now() + (uri === '/slow' ? 15 : 0)
        while (performance.now() < until);
        return { score: 1, raw: 0 } as Scored
      },
    },
  })
  t.after(() => slow.stop())
  const body = netstrings([['u', '/slow']])
  const sockets = await Promise.all(Array.from({ length: 30 }, () => connected(slow.socket)))
  await Promise.all(
    sockets.map(socket => {
      socket.write(message('GET', '/', 'Host: a', ''))
      return once(socket, 'data')
    }),
  )
  // All at once, so that the last ones wait for the first.
  const answers = sockets.map(async socket => {
    socket.write(message('POST', '/v1/score', sized(body), body))
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    return readAnswer(chunk.toString('latin1')).status
  })
  const statuses = await Promise.all(answers)
  assert.ok(statuses.includes(503) && statuses.includes(200), statuses.join(' '))
  assert.ok(statuses.every(status => status === 200 || status === 503))
  await pause(50)
  assert.equal((await post(slow.socket, '/v1/score', ML, good)).status, 200)
})

async function connected(path: string): Promise<Socket> {
  const socket = open(path)
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

test('when there are more connections than allowed the one that is idle longest goes', async t => {
  const small = await startScorer({ score: { max_connections: 16 } })
  t.after(() => small.stop())
  const ask = async (socket: Socket) => {
    socket.write(message('GET', '/', 'Host: a', ''))
    await once(socket, 'data')
  }
  const sockets: Socket[] = []
  for (let index = 0; index < 16; index++) {
    sockets.push(await connected(small.socket))
    await ask(sockets[index]!)
  }
  await ask(sockets[0]!)
  const gone = once(sockets[1]!.resume(), 'end')
  await ask(await connected(small.socket))
  await gone
  await ask(sockets[0]!)
  await ask(sockets[2]!)
})
