import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readFullRequest } from '../../../src/core/scoring/full-request.ts'
import { parseNetstrings } from '../../../src/core/scoring/netstrings.ts'
import { netstrings } from '../../scoring-messages.ts'

const read = (fields: [string, string][]) => {
  const parsed = parseNetstrings(netstrings(fields))
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.problem)
  return parsed.value
}

test('reads what ModSecurity 2 sends', () => {
  assert.deepEqual(
    read([
      ['id', 'abc'],
      ['ip', '::ffff:192.0.2.1'],
      ['m', 'POST'],
      ['u', '/x?a=1,2:3'],
      ['p', 'HTTP/1.1'],
      ['cs', '3'],
      ['h', 'Host\0shop.example'],
      ['h', 'X\0a\0b'],
      ['bl', '5'],
      ['b', 'a=1,4'],
      ['trunc', '1'],
    ]),
    {
      request: {
        method: 'POST',
        uri: '/x?a=1,2:3',
        protocol: 'HTTP/1.1',
        headers: [
          ['Host', 'shop.example'],
          ['X', 'a\0b'],
        ],
        body: 'a=1,4',
      },
      ip: '192.0.2.1',
      crsScore: 3,
    },
  )
})

test('arguments and files stand for a body that the WAF has only in parts', () => {
  const { request } = read([
    ['u', '/x'],
    ['a', 'title\0a b'],
    ['f', 'f\0../s.php'],
  ])
  assert.equal(request.body, 'title=a+b&f=../s.php')
  assert.equal(request.knownHeaders, 'none')
})

test('only the address must be there', () => {
  assert.deepEqual(read([['u', '/']]).request, {
    method: 'GET',
    uri: '/',
    protocol: 'HTTP/1.1',
    headers: [],
    body: undefined,
    knownHeaders: 'none',
  })
})

const fulls: [string, string, [string, string][], string | undefined][] = [
  ['headers alone', 'Host: a\nUser-Agent: b c\n\n\n', [['Host', 'a'], ['User-Agent', 'b c']], undefined], // biome-ignore format: one line a case
  ['a body', 'Host: a\n\n\nx=1\n\ny', [['Host', 'a']], 'x=1\n\ny'],
  ['a request line', 'GET /a:b HTTP/1.1\nHost: a\n\nx', [['Host', 'a']], 'x'],
  ['CRLF', 'Host: a\r\nB:c\r\n\r\nx', [['Host', 'a'], ['B', 'c']], 'x'], // biome-ignore format: one line a case
  ['names with their collection', 'REQUEST_HEADERS:Host: a:1\n\nx', [['Host', 'a:1']], 'x'],
  ['headers that are cut off', 'Host: a\nUser-Ag', [['Host', 'a']], undefined],
  ['nothing', '', [], undefined],
]
for (const [name, full, headers, body] of fulls) {
  test(`reads libmodsecurity's full request with ${name}`, () => assert.deepEqual(readFullRequest(full), { headers, body }))
}

test('a full request is read to its end, however many headers it has', () => {
  assert.deepEqual(readFullRequest(`${'a:b\n'.repeat(3000)}Cookie: c\n\n\nx`).headers.at(-1), ['Cookie', 'c'])
})

test('the full request gives headers and body where they do not come by themselves', () => {
  const { request } = read([
    ['u', '/'],
    ['full', 'Host: a\n\n\nx=1'],
  ])
  assert.deepEqual([request.headers, request.body, request.knownHeaders], [[['Host', 'a']], 'x=1', undefined])
})

const broken: [string, string][] = [
  ['nothing', ''],
  ['no address', netstrings([['m', 'GET']])],
  ['an empty address', netstrings([['u', '']])],
  ['a length that is too long', '9:u=/,'],
  ['a length that is too short', '2:u=/,'],
  ['no length', ':u=/,'],
  ['a negative length', '-3:u=/,'],
  ['a length with a zero in front', '03:u=/,'],
  ['a huge length', '9999999999:u=/,'],
  ['no comma', '3:u=/'],
  ['something behind', `${netstrings([['u', '/']])}x`],
  ['an unknown key', netstrings([['u', '/'], ['x', '1']])], // biome-ignore format: one line a case
  ['a second address', netstrings([['u', '/'], ['u', '/y']])], // biome-ignore format: one line a case
  ['no key', '2:/x,'],
  ['a header without NUL', netstrings([['u', '/'], ['h', 'Host']])], // biome-ignore format: one line a case
  ['more than 1024 fields', netstrings([['u', '/'], ...Array.from({ length: 1024 }, () => ['h', 'a\0b'] as const)])], // biome-ignore format: one line a case
]
for (const [name, body] of broken) test(`refuses ${name}`, () => assert.equal(parseNetstrings(body).ok, false))

test('values of any bytes come back as they were, and any bytes are answered', () => {
  const bytes = fc.uint8Array({ maxLength: 60 }).map(list => Buffer.from(list).toString('latin1'))
  fc.assert(
    fc.property(bytes, bytes, (uri, body) => {
      if (uri === '') return
      const { request } = read([
        ['b', body],
        ['u', uri],
      ])
      assert.deepEqual([request.uri, request.body], [uri, body])
      parseNetstrings(body)
      parseNetstrings(`3:u=${body}`)
    }),
  )
})
