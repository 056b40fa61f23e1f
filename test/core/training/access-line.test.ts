import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readAccessLine } from '../../../src/core/training/access-line.ts'

const TIME = '[10/Oct/2026:13:55:36 +0200]'
const AT = Date.UTC(2026, 9, 10, 11, 55, 36)
const AGENT: [string, string] = ['User-Agent', 'Mozilla/5.0 (X11)']
const COMBINED = `203.0.113.7 - - ${TIME} "GET /shop?a=b%20c HTTP/1.1" 200 512 "https://example.org/" "Mozilla/5.0 (X11)"`

const readable = [
  { name: 'the combined format', line: COMBINED, headers: [AGENT, ['Referer', 'https://example.org/']] },
  { name: 'the common format', line: `203.0.113.7 - - ${TIME} "GET /shop?a=b%20c HTTP/1.1" 200 512`, headers: [] },
  {
    name: 'a referer and an agent that are not there',
    line: `203.0.113.7 - - ${TIME} "GET /shop?a=b%20c HTTP/1.1" 200 - "-" "-"`,
    headers: [],
  },
  { name: 'an agent alone', line: `203.0.113.7 - - ${TIME} "GET /shop?a=b%20c HTTP/1.1" 200 1 "-" "Mozilla/5.0 (X11)"`, headers: [AGENT] },
  {
    name: "a host with the port that goes without saying (Apache's vhost_combined)",
    line: `www.example.org:443 ${COMBINED}`,
    headers: [['Host', 'www.example.org'], AGENT, ['Referer', 'https://example.org/']],
  },
  {
    name: 'a host with another port',
    line: `a.example:8080 203.0.113.7 - - ${TIME} "GET /shop?a=b%20c HTTP/1.1" 200 1`,
    headers: [['Host', 'a.example:8080']],
  },
  { name: 'a host that is none', line: `a/b 203.0.113.7 - - ${TIME} "GET /shop?a=b%20c HTTP/1.1" 200 1`, headers: [] },
  {
    name: 'more fields at the end',
    line: `${COMBINED} 0.003 "203.0.113.9" upstream=1`,
    headers: [AGENT, ['Referer', 'https://example.org/']],
  },
  { name: 'a user with blanks', line: COMBINED.replace('- -', '- john doe'), headers: [AGENT, ['Referer', 'https://example.org/']] },
  { name: 'a user without a name (Apache)', line: COMBINED.replace('- -', '- ""'), headers: [AGENT, ['Referer', 'https://example.org/']] },
  {
    name: 'a user who would be another request',
    line: COMBINED.replace('- -', `- x ${TIME} \\"GET /forged HTTP/1.1\\" 200 5`),
    headers: [AGENT, ['Referer', 'https://example.org/']],
  },
]

for (const { name, line, headers } of readable) {
  test(`an access log's line is read: ${name}`, () => {
    const request = { method: 'GET', uri: '/shop?a=b%20c', protocol: 'HTTP/1.1', headers, body: undefined, knownHeaders: 'few' }
    assert.deepEqual(readAccessLine(line), { ok: true, value: { request, status: 200, at: AT, ip: '203.0.113.7' } })
  })
}

for (const { name, written, uri } of [
  { name: 'a quote and a backslash', written: '/\\"a\\\\b', uri: '/"a\\b' },
  { name: 'bytes in hex, of nginx and of Apache', written: '/\\xC3\\xbc\\x00\\x22', uri: '/\xc3\xbc\0"' },
  { name: 'control characters by letter', written: '/\\n\\r\\t\\b\\f\\v', uri: '/\n\r\t\b\f\v' },
  { name: 'an escape that is none', written: '/\\q\\xZZ', uri: '/qxZZ' },
  { name: 'raw bytes', written: '/\xe4', uri: '/\xe4' },
  { name: 'blanks', written: '/a b', uri: '/a b' },
  { name: 'a whole URL (a proxy is asked)', written: 'http://example.org/', uri: 'http://example.org/' },
]) {
  test(`an escaped request line becomes the bytes that were sent: ${name}`, () => {
    const read = readAccessLine(`::ffff:203.0.113.7 - - ${TIME} "GET ${written} HTTP/2.0" 404 - "-" "\\x41\\""`)
    assert.ok(read.ok)
    assert.deepEqual([read.value.request.uri, read.value.ip, read.value.status], [uri, '203.0.113.7', 404])
    assert.deepEqual(read.value.request.headers, [['User-Agent', 'A"']])
  })
}

test('HTTP/0.9 and a client that is known by name are read', () => {
  const read = readAccessLine(`client.example.org - - ${TIME} "GET /" 200 1`)
  assert.ok(read.ok)
  assert.deepEqual([read.value.request.uri, read.value.request.protocol, read.value.ip], ['/', '', undefined])
})

for (const { name, line, problem } of [
  { name: 'nothing', line: '', problem: /no request in quotes/ },
  { name: 'no quotes', line: '203.0.113.7 - - nothing', problem: /no request in quotes/ },
  { name: 'quotes far behind', line: `${'a'.repeat(20_000)} "GET / HTTP/1.1" 200 1`, problem: /no request in quotes/ },
  { name: 'no time', line: '203.0.113.7 - - "GET / HTTP/1.1" 200 1', problem: /no address, user and \[time\]/ },
  { name: 'a time that is none', line: '203.0.113.7 - - [32/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 1', problem: /has no time/ },
  { name: 'no user', line: `203.0.113.7 - ${TIME} "GET / HTTP/1.1" 200 1`, problem: /no address, user/ },
  { name: 'an open quote', line: `203.0.113.7 - - ${TIME} "GET / HTTP/1.1 200 1\\"`, problem: /no status and size/ },
  { name: 'no status', line: `203.0.113.7 - - ${TIME} "GET / HTTP/1.1"`, problem: /no status and size/ },
  { name: 'no request (a timeout)', line: `203.0.113.7 - - ${TIME} "-" 408 - "-" "-"`, problem: /no readable request line/ },
  {
    name: 'TLS on a plain port',
    line: `203.0.113.7 - - ${TIME} "\\x16\\x03\\x01\\x02" 400 226 "-" "-"`,
    problem: /no readable request line/,
  },
  { name: 'a method without an address', line: `203.0.113.7 - - ${TIME} "GET" 400 226`, problem: /no readable request line/ },
]) {
  test(`an access log's line is a problem: ${name}`, () => {
    const read = readAccessLine(line)
    assert.ok(!read.ok)
    assert.match(read.problem, problem)
  })
}

test('what Apache and nginx escape comes back byte by byte, whatever a client sends', () => {
  const byte = fc.integer({ min: 0, max: 255 }).map(code => String.fromCharCode(code))
  const escaped = (text: string) =>
    text.replace(/[\0-\x1f"\\\x7f-\xff]/g, char =>
      char === '"' || char === '\\' ? `\\${char}` : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
    )
  const sent = fc.array(byte, { maxLength: 60 }).map(bytes => bytes.join(''))
  fc.assert(
    fc.property(sent, sent, sent, (uri, agent, user) => {
      const read = readAccessLine(`203.0.113.7 - u${escaped(user)} ${TIME} "GET /${escaped(uri)} HTTP/1.1" 200 1 "-" "x${escaped(agent)}"`)
      assert.ok(read.ok)
      assert.equal(read.value.request.uri, `/${uri}`)
      assert.deepEqual(read.value.request.headers, [['User-Agent', `x${agent}`]])
    }),
    { numRuns: 500 },
  )
})

test('no text at all makes the reader throw, and a long hostile one costs no more than its length', () => {
  const piece = fc.constantFrom('"', '\\', ' ', '[', ']', '-', '"" [', TIME, '200', 'GET / HTTP/1.1', '203.0.113.7', '\0', '\xff')
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 40 }), parts => {
      readAccessLine(parts.join(''))
    }),
    { numRuns: 1000 },
  )
  const startedAt = performance.now()
  for (const unit of ['"', '\\', '\\"', '"" [', ' [', `${TIME} `, '- ', '"\\\\']) readAccessLine(unit.repeat(1_000_000 / unit.length))
  readAccessLine(`203.0.113.7 - - ${TIME} "GET ${'\\\\\\"'.repeat(250_000)}`)
  assert.ok(performance.now() - startedAt < 2000)
})
