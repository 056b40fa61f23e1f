import assert from 'node:assert/strict'
import { test } from 'node:test'
import { indexedPath } from '../../../src/core/entry/index-line.ts'
import { createIsClientText, readMessage, readNativeV3Line } from '../../../src/core/entry/message-text.ts'
import { parseEntry } from '../../../src/core/entry/parse.ts'
import { splitRequestLine } from '../../../src/core/entry/request-line.ts'
import { inboundScore, loggedScore } from '../../../src/core/entry/scores.ts'
import { apacheTime, createLocalOffset, ctime, goTime } from '../../../src/core/entry/time.ts'

const UTC = { localOffsetMinutes: () => 0 }

function v3(request: string, rest = '') {
  const text = `{"transaction":{"client_ip":"192.0.2.1","time_stamp":"Sun Nov 22 09:57:15 2026","unique_id":"1","request":${request}${rest}}}`
  return parseEntry({ text, format: 'v3-json' }, UTC)
}

test('every header comes out in order, whatever its name', () => {
  const headers = '{"Cookie":"a=1","x-dup":"1","X-Dup":"2","Cookie":"b=\\"2\\"\\\\","__proto__":"x","7":"seven","constructor":"\\ufffd"}'
  const parsed = v3(`{"method":"GET","http_version":2.0,"uri":"/?a","headers":${headers}}`)
  assert.ok(parsed.ok)
  assert.deepEqual(parsed.value.request, {
    method: 'GET',
    uri: '/?a',
    protocol: 'HTTP/2.0',
    headers: [
      ['Cookie', 'a=1'],
      ['x-dup', '1'],
      ['X-Dup', '2'],
      ['Cookie', 'b="2"\\'],
      ['__proto__', 'x'],
      ['7', 'seven'],
      ['constructor', '\xef\xbf\xbd'],
    ],
    body: undefined,
  })
})

test('a header of another part or in a string is none of the request', () => {
  const parsed = v3('{"method":"GET","uri":"/\\"headers\\":{\\"A\\":\\"b\\"}"}', ',"response":{"headers":{"Server":"nginx"}}')
  assert.ok(parsed.ok)
  assert.deepEqual(parsed.value.request?.headers, [])
})

for (const address of ['', '192.0.2.1 ', 'fe80::1%eth0', '0192.0.2.1', '192.0.2.1; x']) {
  test(`an entry whose client address is '${address}' is refused`, () => {
    const text = JSON.stringify({ transaction: { client_ip: address, time_stamp: 'Sun Nov 22 09:57:15 2026' } })
    assert.deepEqual(parseEntry({ text, format: 'v3-json' }, UTC), { ok: false, problem: 'client address is missing or no address' })
  })
}

const at = (text: string) => Date.parse(text)
const times: [string, number | undefined, number | undefined][] = [
  ['offset zero', apacheTime('22/Nov/2026:09:53:41.582928 +0000'), at('2026-11-22T09:53:41.582Z')],
  ['a positive offset', apacheTime('22/Nov/2026:09:53:41 +0530'), at('2026-11-22T04:23:41Z')],
  ['two minus signs', apacheTime('22/Nov/2026:09:53:41.000001 --0500'), at('2026-11-22T14:53:41Z')],
  ['a half-hour zone with a sign within', apacheTime('22/Nov/2026:09:53:41.1 --03-30'), at('2026-11-22T13:23:41.1Z')],
  ['a month that is none', apacheTime('22/Foo/2026:09:53:41 +0000'), undefined],
  ['a day that is none', apacheTime('31/Feb/2026:09:53:41 +0000'), undefined],
  ['a day padded with a blank', ctime('Tue Nov  3 09:57:15 2026', () => 60), at('2026-11-03T08:57:15Z')],
  ['a leap second', ctime('Tue Jun 30 23:59:60 2026', () => 0), at('2026-06-30T23:59:59Z')],
  ['an hour that is none', ctime('Tue Nov  3 24:57:15 2026', () => 0), undefined],
  ['the time of Go', goTime('2026/11/22 09:57:15', () => -300), at('2026-11-22T14:57:15Z')],
  ['text behind a time', goTime('2026/11/22 09:57:15 x', () => 0), undefined],
]
for (const [name, found, expected] of times) test(`times: ${name}`, () => assert.equal(found, expected))

test('the local offset is that of the process', () => {
  const summer = Date.UTC(2026, 6, 1, 12)
  assert.equal(createLocalOffset()(summer), -new Date(2026, 6, 1, 12).getTimezoneOffset())
})

// Other tests of this file need no zone.
const inBerlin = (local: string, now: string) => {
  const zone = process.env.TZ
  process.env.TZ = 'Europe/Berlin'
  try {
    const localOffset = createLocalOffset(() => at(now))
    return [local, local].map(text => goTime(text, localOffset))
  } finally {
    if (zone === undefined) delete process.env.TZ
    else process.env.TZ = zone
  }
}
for (const { name, local, now, expected } of [
  { name: 'the first time', local: '2026/10/25 02:30:00', now: '2026-10-25T00:30:00Z', expected: '2026-10-25T00:30:00Z' },
  { name: 'the second time', local: '2026/10/25 02:30:00', now: '2026-10-25T01:30:00Z', expected: '2026-10-25T01:30:00Z' },
  {
    name: 'the second time, by a clock that lags',
    local: '2026/10/25 02:30:00',
    now: '2026-10-25T01:29:50Z',
    expected: '2026-10-25T01:30:00Z',
  },
  { name: 'long ago', local: '2026/10/25 02:00:00', now: '2026-11-25T01:30:00Z', expected: '2026-10-25T01:00:00Z' },
])
  test(`an hour that comes twice: ${name}`, () => assert.deepEqual(inBerlin(local, now), [at(expected), at(expected)]))

for (const [local, expected] of [
  ['2026/10/25 01:59:59', '2026-10-24T23:59:59Z'],
  ['2026/10/25 03:00:00', '2026-10-25T02:00:00Z'],
  ['2026/03/29 01:59:59', '2026-03-29T00:59:59Z'],
  ['2026/03/29 03:00:00', '2026-03-29T01:00:00Z'],
] as const)
  test(`an hour beside a change of the clock comes once: ${local}`, () =>
    assert.deepEqual(inBerlin(local, expected), [at(expected), at(expected)]))

const rule =
  '[file "/usr/share/x.conf"] [line "66"] [id "942100"] [msg "a \\"b\\""] [data "c\\x22d"] [severity "CRITICAL"] [ver "1"] [tag "t"]'
const forged = '[file "/f"] [line "1"] [id "100004"] [data "ML Score: 9.9"]'
const never = () => false

test('a message of megabytes is read', () => {
  const long = rule.replace('c\\x22d', '\\x22'.repeat(4_000_000))
  assert.equal(readMessage(`Warning. x at ARGS:x. ${long}`, never)?.id, '942100')
})

test('the rule of a message is the one that it was, whatever the name of the argument says', () => {
  const expected = { id: '942100', message: 'a "b"', data: 'c"d', severity: 'CRITICAL' }
  assert.deepEqual(readMessage(`Warning. x at ARGS:x. ${rule}`, never), expected)
  assert.deepEqual(readMessage(`Warning. x at ARGS:x ${forged}. ${rule}`, never), expected)
  assert.equal(readMessage('Multipart parsing error: x', never), undefined)
})

test('a message that was cut names its rule only if the client did not send the id', () => {
  const request = { method: 'GET', uri: '/?x%20%5Bid%20%22%31%30%30%30%30%34%22', protocol: '', headers: [], body: undefined }
  const isClientText = createIsClientText(request, false)
  const cut = (text: string) => text.padEnd(1023, 'x')
  assert.equal(readMessage(cut(`Warning. x at ARGS:x ${forged}`), isClientText), undefined)
  assert.equal(readMessage(cut(`Warning. x at ARGS:x. ${rule}`), isClientText)?.id, '942100')
  assert.equal(readMessage(cut(`Warning. x at ARGS:x. ${rule}`), createIsClientText(request, true)), undefined)
})

test('a path or a variable in a line of part H of version 3 names no rule', () => {
  const tail = (uri: string) => ` [hostname "127.0.0.1"] [uri "${uri}"] [unique_id "1"] [ref "`
  const read = (name: string, uri: string) =>
    readNativeV3Line(`ModSecurity: Warning. ARGS:${name} ${rule}${tail(uri)}v1,2"]`, tail(uri))?.id
  assert.equal(read('x', '/'), '942100')
  assert.equal(read(forged, '/'), '942100')
  assert.equal(read('x', `/p"] ${forged}`), '942100')
  assert.equal(read(`${forged}${tail('/')}`, `/p"] ${forged}${tail('/')}`), '942100')
  assert.equal(readNativeV3Line(`ModSecurity: Warning. ${forged} ${rule}${tail('/other')}"]`, tail('/')), undefined)
})

const match = (id: string, data: string, message = '') => ({ id, data, message, severity: '' })
const scores: [string, ReturnType<typeof match>[], number | undefined][] = [
  ['of 100003', [match('100003', 'ML Anomaly Score: 7.3')], 7.3],
  ['of 100004 with the request behind it', [match('100004', 'ML Score: 9.7, Request: {ML Score: 1}')], 9.7],
  ['of 100007', [match('100007', 'Learning: ML Score 9.1, URI: /')], 9.1],
  ['of the plugin, clipped', [match('9516320', 'ML model status: 0. ML model anomaly score: 11. CRS anomaly score: 0')], 10],
  [
    'of the plugin that passed',
    [match('9516311', 'ML model status: 1. ML model anomaly score: 2.10. CRS anomaly score: 40. False positive')],
    2.1,
  ],
  ['of the plugin in mode 3', [match('9516140', 'ML Score: 7.25')], 7.25],
  ['of the plugin with more behind it', [match('9516140', 'ML Score: 7.25 x')], undefined],
  ['of a rule of the plugin that logs none', [match('9516330', 'ML Score: 7.25')], undefined],
  ['that is the highest', [match('100003', 'ML Anomaly Score: 7.3'), match('100005', 'ML Score: 8')], 8],
  ['that a client put in another place', [match('100004', 'x ML Score: 9.9'), match('100003', 'ML Anomaly Score: 7.3x')], undefined],
  ['of a rule of others', [match('942100', 'ML Score: 9.9')], undefined],
  ['that is endless', [match('100004', `ML Score: ${'9'.repeat(400)}`)], undefined],
]
for (const [name, matches, expected] of scores) test(`a logged score ${name}`, () => assert.equal(loggedScore(matches), expected))

test('the inbound score is what 949110 says, else 980130, else the plugin', () => {
  const late = match('980130', '', 'Inbound Anomaly Score Exceeded (Total Inbound Score: 8 - SQLI=5)')
  const early = match('949110', '', 'Inbound Anomaly Score Exceeded (Total Score: 5)')
  assert.equal(inboundScore([late, early]), 5)
  assert.equal(inboundScore([late]), 8)
  assert.equal(inboundScore([match('9516330', 'ML status: down', 'Inbound Anomaly Score Exceeded (Total Score: 40), no ML score')]), 40)
  assert.equal(inboundScore([match('9516110', '', 'Anomaly Score Exceeded (Total Score: 15) - ML kicked in.')]), 15)
  assert.equal(inboundScore([match('949110', '', 'x Inbound Anomaly Score Exceeded (Total Score: 5)')]), undefined)
})

const lines: [string, string, string, string][] = [
  ['GET /x HTTP/1.1', 'GET', '/x', 'HTTP/1.1'],
  ['GET /x', 'GET', '/x', ''],
  ['GET /x y HTTP/1.1', 'GET', '/x y', 'HTTP/1.1'],
  ['GET /x y', 'GET', '/x y', ''],
  ['GET', 'GET', '', ''],
]
for (const [line, method, uri, protocol] of lines)
  test(`the request line '${line}'`, () => assert.deepEqual(splitRequestLine(line), { method, uri, protocol }))

test('the path of an index line is the one at its end', () => {
  const md5 = 'md5:1aaa99cb5862cd28191c0f6cfadcc94f'
  assert.equal(indexedPath(`h 192.0.2.1 - - [x] "GET /" 200 5 "-" "-" uid "-" /www/1/2/3 0 5 ${md5} L`), '/www/1/2/3')
  assert.equal(indexedPath(`h 192.0.2.1 - [x] "GET /" 200 - "/etc/passwd 0 5 ${md5}" uid - /a/1/2/3 0 1956.000000 ${md5}`), '/a/1/2/3')
  assert.equal(indexedPath(`h 192.0.2.1 /etc/passwd 0 5 ${md5} x`), undefined)
})

test('the header in which nginx hands over the inline score is nothing that a client sent', () => {
  const parsed = v3(
    '{"method":"GET","http_version":1.1,"uri":"/","headers":{"Host":"a","X-Modwarden-Score":"5ec2e7 ok 1.00 1","Accept":"b"}}',
  )
  assert.ok(parsed.ok)
  assert.deepEqual(parsed.value.request?.headers, [
    ['Host', 'a'],
    ['Accept', 'b'],
  ])
})

test('a request says when the log holds no headers at all, which is not the same as none', () => {
  const v2 = (request: string) =>
    `{"transaction":{"time":"22/Nov/2026:09:53:41 +0000","transaction_id":"1","remote_address":"192.0.2.1"},"request":${request}}`
  const coraza = (request: string) => `{"transaction":{"timestamp":"","unix_timestamp":1e18,"client_ip":"192.0.2.1","request":${request}}}`
  const asV2 = (request: string) => parseEntry({ text: v2(request), format: 'v2-json' }, UTC)
  const asCoraza = (request: string) => parseEntry({ text: coraza(request), format: 'coraza-json' }, UTC)
  const known = (parsed: ReturnType<typeof v3>) => parsed.ok && parsed.value.request?.knownHeaders
  assert.deepEqual([v3('{"uri":"/"}'), asV2('{"request_line":"GET / HTTP/1.1"}'), asCoraza('{"uri":"/"}')].map(known), [
    'none',
    'none',
    'none',
  ])
  const empty = [
    v3('{"uri":"/","headers":{}}'),
    asV2('{"request_line":"GET / HTTP/1.1","headers":{}}'),
    asCoraza('{"uri":"/","headers":{}}'),
  ]
  assert.deepEqual(empty.map(known), [undefined, undefined, undefined])
})
