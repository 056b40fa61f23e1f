import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Scored } from '../../../src/core/model/model.ts'
import { mulberry32 } from '../../../src/core/model/random.ts'
import { toHttpRequest } from '../../../src/core/model/request.ts'
import { cleanLine, hostOf } from '../../../src/core/scoring/clean-line.ts'
import { createDeniedList } from '../../../src/core/scoring/denied.ts'
import { createLag } from '../../../src/core/scoring/lag.ts'
import { createReservoir } from '../../../src/core/scoring/reservoir.ts'
import { DENIED, formReply, inlineReply, toVerdict } from '../../../src/core/scoring/verdict.ts'
import type { HttpRequest } from '../../../src/core/types.ts'

const scored = (score: number, capped?: boolean) => ({ score, raw: 0, ...(capped === undefined ? {} : { capped }) }) as Scored
const replies: [string, Parameters<typeof toVerdict>[0], string, string][] = [
  ['an ordinary request', scored(2.1), '200 2.10', '200 2.10 pass\n'],
  ['one just below the threshold', scored(6.99), '200 6.99', '200 6.99 pass\n'],
  ['one at the threshold', scored(7), '401 7.00', '200 7.00 deny\n'],
  ['the highest score', scored(10), '401 10.00', '200 10.00 deny\n'],
  ['no strangeness at all', scored(0), '200 0.01', '200 0.00 pass\n'],
  ['a host with too little data', scored(6.9, true), '503 too little local data\n', '503 too little local data\n'],
  ['a host with enough data', scored(7.25, false), '401 7.25', '200 7.25 deny\n'],
  ['what is only new at a host', { ...scored(7.9), unconfirmed: true }, '200 6.90', '200 6.90 pass\n'],
]
for (const [name, value, form, inline] of replies) {
  test(`answers ${name}`, () => {
    const verdict = toVerdict(value, 7)
    const [a, b] = [formReply(verdict), inlineReply(verdict)]
    assert.deepEqual([`${a.status} ${a.body}`, `${b.status} ${b.body}`], [form, inline])
  })
}
test('answers a denied client', () => assert.deepEqual([formReply(DENIED).status, inlineReply(DENIED).body], [401, '10.00 deny\n']))

test('the list of denied clients knows addresses, prefixes and times, and counts what says nothing', () => {
  const list = createDeniedList()
  list.add(['192.0.2.1 1000', '198.51.100.0/24 -', '2001:db8::/64 1000', '::ffff:203.0.113.9 -', ''])
  list.add(['nonsense', '192.0.2.9', '192.0.2.9 x', '300.1.1.1 -', '192.0.2.0/33 -', '192.0.2.7 1000 more', '192.0.2.1 500'])
  const cases: [string, number, boolean][] = [
    ['192.0.2.1', 999_999, true],
    ['192.0.2.1', 1_000_000, false],
    ['192.0.2.2', 0, false],
    ['198.51.100.77', 9e15, true],
    ['198.51.101.1', 0, false],
    ['2001:db8::5', 1, true],
    ['2001:db8:0:1::5', 1, false],
    ['203.0.113.9', 1, true],
    ['192.0.2.9', 1, false],
  ]
  for (const [ip, now, expected] of cases) assert.equal(list.isDenied(ip, now), expected, `${ip} at ${now}`)
  assert.deepEqual([list.size, list.ignored], [4, 6])
})

test('the list of denied clients is bounded', () => {
  const list = createDeniedList()
  list.add(Array.from({ length: 200_010 }, (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255} -`))
  assert.deepEqual([list.size, list.ignored], [200_000, 10])
})

/** A clock that stays ahead of how fast samples are taken. */
function slowly(): () => number {
  let at = 0
  return () => (at += 10)
}

const reservoirOf = (requests: number, bytes = 1e9) => createReservoir({ requests, bytes, random: mulberry32(1), now: slowly() })

test('a burst is sampled by no more than 200 requests a second, and what is not taken costs no masking', () => {
  let at = 0
  let written = 0
  const reservoir = createReservoir({ requests: 5000, bytes: 1e9, random: mulberry32(1), now: () => at })
  const offer = (count: number) => {
    for (let index = 0; index < count; index++) reservoir.offer('loud', () => `line ${written++}`)
  }
  offer(1000)
  assert.deepEqual([written, reservoir.size().requests], [200, 200])
  at = 999
  offer(1)
  assert.equal(written, 200)
  at = 1000
  offer(1000)
  assert.deepEqual([written, reservoir.size().requests], [400, 400])
})

test('a loud host does not drown a quiet one', () => {
  const reservoir = reservoirOf(100)
  for (let index = 0; index < 10_000; index++) reservoir.offer('loud', () => `loud ${index}`)
  for (let index = 0; index < 50; index++) reservoir.offer('quiet', () => `quiet ${index}`)
  for (let index = 0; index < 10_000; index++) reservoir.offer('loud', () => `loud ${index}`)
  const lines = [...reservoir.lines()]
  assert.equal(lines.length, 100)
  assert.equal(lines.filter(line => line.startsWith('quiet')).length, 50)
})

test('the sample of a host is even over what was offered', () => {
  const counts = new Array<number>(10).fill(0)
  const random = mulberry32(7)
  for (let round = 0; round < 200; round++) {
    const reservoir = createReservoir({ requests: 50, bytes: 1e9, random, now: slowly() })
    for (let index = 0; index < 1000; index++) reservoir.offer('a', () => String(index))
    for (const line of reservoir.lines()) counts[Math.floor(Number(line) / 100)]!++
  }
  // 10,000 samples, 1,000 expected in each tenth; five standard deviations are 150.
  for (const count of counts) assert.ok(Math.abs(count - 1000) < 150, counts.join(' '))
})

test('invented hosts do not displace a real one, and their number is bounded', () => {
  const reservoir = reservoirOf(1000)
  for (let index = 0; index < 2000; index++) reservoir.offer('real', () => `real ${index}`)
  for (let index = 0; index < 20_000; index++) reservoir.offer(`fake ${index}`, () => `fake ${index}`)
  for (let index = 0; index < 2000; index++) reservoir.offer('real', () => `real ${index}`)
  const { hosts, requests } = reservoir.size()
  assert.ok(hosts <= 64 && requests <= 1000)
  assert.ok([...reservoir.lines()].filter(line => line.startsWith('real')).length >= 500)
})

test('a few invented hosts seldom displace even a quiet one', () => {
  const isKept = (seed: number) => {
    const reservoir = createReservoir({ requests: 10_000, bytes: 1e9, random: mulberry32(seed), now: slowly() })
    for (let host = 0; host < 63; host++) for (let index = 0; index < 100; index++) reservoir.offer(`busy ${host}`, () => 'x')
    for (let index = 0; index < 90; index++) reservoir.offer('quiet', () => 'quiet')
    for (let index = 0; index < 10; index++) reservoir.offer(`fake ${index}`, () => 'fake')
    return [...reservoir.lines()].includes('quiet')
  }
  // 1 in 91 for each of ten.
  const kept = Array.from({ length: 30 }, (_, seed) => isKept(seed)).filter(Boolean).length
  assert.ok(kept >= 20, String(kept))
})

test('requests, bytes and the length of a line are bounded', () => {
  const reservoir = reservoirOf(1000, 5000)
  for (let index = 0; index < 3000; index++) reservoir.offer(`host ${index % 5}`, () => 'x'.repeat(index % 200))
  reservoir.offer('big', () => 'x'.repeat(20_000))
  reservoir.offer('none', () => undefined)
  const lines = [...reservoir.lines()]
  const { requests, bytes } = reservoir.size()
  assert.ok(bytes <= 5000 && requests <= 1000)
  assert.deepEqual([requests, bytes], [lines.length, lines.join('').length])
})

const request = (headers: [string, string][], body?: string): HttpRequest => ({
  method: 'POST',
  uri: '/x?password=hunter2',
  protocol: 'HTTP/1.1',
  headers,
  body,
})

test('a clean line is what train reads, without secrets', () => {
  const headers: [string, string][] = [['Host', 'Shop.example:8443'], ['Cookie', 'a=S3cret'], ['X', '1'], ['X', '\xc3\xa9'], ['__proto__', 'p']] // biome-ignore format: a list
  const line = cleanLine(request(headers, 'user=joe'), 1e12)!
  assert.ok(!/hunter2|S3cret|\n/.test(line))
  const value = JSON.parse(line) as { at: string }
  assert.equal(value.at, '2001-09-09T01:46:40.000Z')
  const read = toHttpRequest(value)
  assert.ok(read.ok)
  assert.deepEqual(read.value.headers, [['Host', 'Shop.example:8443'], ['Cookie', 'a=A0aaaa'], ['X', '1'], ['X', '\xc3\xa9']]) // biome-ignore format: a list
  assert.deepEqual([read.value.uri, read.value.body], ['/x?password=aaaaaa0', 'user=joe'])
  assert.equal(hostOf(read.value), 'shop.example')
})

test('what is no UTF-8 makes no clean line', () => assert.equal(cleanLine(request([], '\xff\xfe'), 0), undefined))

test('a request may have waited as long as the turns before it lasted, but not longer than the last pause', () => {
  let now = 100
  let after = () => {}
  const lag = createLag(
    () => now,
    work => {
      after = work
    },
  )
  assert.equal(lag.arrivedSince(), 100)
  now = 130
  assert.equal(lag.arrivedSince(), 100, 'the same turn')
  after()
  now = 130.5
  assert.equal(lag.arrivedSince(), 100, 'it may have come while the turn before was under way')
  now = 150
  after()
  now = 170
  assert.equal(lag.arrivedSince(), 170, 'nothing was under way')
})
