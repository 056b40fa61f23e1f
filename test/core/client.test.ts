import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createFindClient } from '../../src/core/client.ts'

const PROXIES = ['192.0.2.0/24', '2001:db8:ff::/48']
const PEER = '192.0.2.10'
const unknown = { ip: PEER, isProxied: false }
const client = (ip: string) => ({ ip, isProxied: true })
const XFF = 'X-Forwarded-For'

const cases: { name: string; header?: string; peer?: string; sent: [string, string][]; expected: object }[] = [
  { name: 'takes the one address', sent: [[XFF, '198.51.100.7']], expected: client('198.51.100.7') },
  { name: 'whatever the case of the name', sent: [['x-forwarded-FOR', '198.51.100.7']], expected: client('198.51.100.7') },
  { name: 'passes over trusted hops', sent: [[XFF, '198.51.100.7, 192.0.2.1,2001:db8:ff::2']], expected: client('198.51.100.7') },
  { name: 'believes no forged left entry', sent: [[XFF, '203.0.113.9, 198.51.100.7, 192.0.2.1']], expected: client('198.51.100.7') },
  {
    name: 'joins several headers in order',
    sent: [
      [XFF, '203.0.113.9'],
      ['Host', 'x'],
      [XFF, '198.51.100.7'],
      ['x-forwarded-for', '192.0.2.1'],
    ],
    expected: client('198.51.100.7'),
  },
  { name: 'reads a port', sent: [[XFF, '198.51.100.7:4711']], expected: client('198.51.100.7') },
  { name: 'reads IPv6', sent: [[XFF, '2001:DB8:0::1']], expected: client('2001:db8::1') },
  { name: 'reads IPv6 in brackets with a port', sent: [[XFF, '[2001:db8::1]:4711']], expected: client('2001:db8::1') },
  { name: 'makes a mapped address IPv4', sent: [[XFF, '::ffff:198.51.100.7']], expected: client('198.51.100.7') },
  { name: 'never skips garbage', sent: [[XFF, '198.51.100.7, unknown']], expected: unknown },
  { name: 'never skips garbage between trusted hops', sent: [[XFF, '198.51.100.7, <x>, 192.0.2.1']], expected: unknown },
  { name: 'never skips an empty entry', sent: [[XFF, '198.51.100.7,']], expected: unknown },
  {
    name: 'never skips an empty header',
    sent: [
      [XFF, '198.51.100.7'],
      [XFF, ''],
    ],
    expected: unknown,
  },
  { name: 'takes no zone id', sent: [[XFF, 'fe80::1%eth0']], expected: unknown },
  { name: 'takes no leading zero, which some read as octal', sent: [[XFF, '198.51.100.07']], expected: unknown },
  { name: 'finds nobody without the header', sent: [['Host', 'x']], expected: unknown },
  { name: 'finds nobody where all are proxies', sent: [[XFF, '192.0.2.3, 192.0.2.4']], expected: unknown },
  {
    name: 'believes only trusted proxies',
    peer: '198.51.100.8',
    sent: [[XFF, '203.0.113.9']],
    expected: { ip: '198.51.100.8', isProxied: false },
  },
  {
    name: 'reads a header with one value',
    header: 'CF-Connecting-IP',
    sent: [['Cf-Connecting-Ip', '198.51.100.7']],
    expected: client('198.51.100.7'),
  },
  { name: 'reads only the header it was told', header: 'CF-Connecting-IP', sent: [[XFF, '198.51.100.7']], expected: unknown },
]
const forwarded: { name: string; value: string; expected: object }[] = [
  { name: 'an address', value: 'for=198.51.100.7', expected: client('198.51.100.7') },
  { name: 'other parameters', value: 'proto=http; For=198.51.100.7 ;by=192.0.2.43', expected: client('198.51.100.7') },
  { name: 'quoted IPv6 with a port', value: 'for="[2001:db8::1]:4711"', expected: client('2001:db8::1') },
  { name: 'the right-most that is no proxy', value: 'for=203.0.113.9, for=198.51.100.7, for=192.0.2.1', expected: client('198.51.100.7') },
  { name: 'an obfuscated one as garbage', value: 'for=198.51.100.7, for=_hidden', expected: unknown },
  { name: 'an unknown one as garbage', value: 'for=198.51.100.7, for=unknown', expected: unknown },
  { name: 'an element without for as garbage', value: 'for=198.51.100.7, proto=https', expected: unknown },
  { name: 'two for in an element as garbage', value: 'for=198.51.100.7;for=203.0.113.9', expected: unknown },
  { name: 'a comma in a quoted parameter', value: 'for=198.51.100.7;host="a, for=203.0.113.9"', expected: client('198.51.100.7') },
  { name: 'an escaped quote', value: 'for=198.51.100.7;host="a\\", for=203.0.113.9"', expected: client('198.51.100.7') },
  { name: 'an open quote of the client', value: 'for="203.0.113.9, for=198.51.100.7', expected: client('198.51.100.7') },
]
for (const { name, header = XFF, peer = PEER, sent, expected } of cases)
  test(`the search for the client ${name}`, () => assert.deepEqual(createFindClient(PROXIES, header)(peer, sent), expected))
for (const { name, value, expected } of forwarded)
  test(`Forwarded: reads ${name}`, () => assert.deepEqual(createFindClient(PROXIES, 'Forwarded')(PEER, [['Forwarded', value]]), expected))

test('without proxies or without a header the peer is the client', () => {
  for (const find of [createFindClient([], XFF), createFindClient(PROXIES, '')])
    assert.deepEqual(find(PEER, [[XFF, '198.51.100.7']]), unknown)
})

/** What a client may write: addresses of others, quotes, commas, several lines, anything. */
const forged = fc.array(
  fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc
      .array(fc.constantFrom('203.0.113.9', '192.0.2.1', 'for=203.0.113.9', 'for="203.0.113.9', '"', '\\', ',', ';', ' ', '[::1]:9'), {
        maxLength: 12,
      })
      .map(parts => parts.join('')),
  ),
  { maxLength: 4 },
)
const hop = fc.constantFrom('192.0.2.1', '192.0.2.200', '2001:db8:ff::7')
const real = fc.oneof(
  fc.ipV4().filter(ip => !ip.startsWith('192.0.2.')),
  fc.constantFrom('2001:db8::1', '2a00:1450::9'),
)
const bracket = (ip: string) => (ip.includes(':') ? `"[${ip}]"` : ip)

for (const { header, write } of [
  { header: XFF, write: (ip: string) => ip },
  { header: 'Forwarded', write: (ip: string) => `for=${bracket(ip)};proto=https` },
]) {
  test(`who controls all that is left of the trusted hops of ${header} cannot choose another address`, () => {
    fc.assert(
      fc.property(forged, real, fc.array(hop, { maxLength: 4 }), fc.boolean(), (lines, ip, hops, isOwnLine) => {
        const appended = [ip, ...hops].map(write).join(', ')
        const last = lines.at(-1)
        const sent = isOwnLine || last === undefined ? [...lines, appended] : [...lines.slice(0, -1), `${last}, ${appended}`]
        const found = createFindClient(PROXIES, header)(
          PEER,
          sent.map(value => [header, value] as const),
        )
        assert.deepEqual(found, client(ip))
      }),
      { numRuns: 2000 },
    )
  })
}

test('a header of any size and content is read in no time and gives an address or nobody', () => {
  const deep = `${'192.0.2.1,'.repeat(100_000)}192.0.2.1`
  assert.deepEqual(createFindClient(PROXIES, XFF)(PEER, [[XFF, deep]]), unknown)
  for (const value of [
    '"'.repeat(200_000),
    '\\'.repeat(200_000),
    `${'\\'.repeat(100_000)}${'"'.repeat(100_000)}`,
    'for=;'.repeat(50_000),
    `"${'\\"'.repeat(100_000)}`,
  ]) {
    const started = performance.now()
    assert.deepEqual(createFindClient(PROXIES, 'Forwarded')(PEER, [['Forwarded', value]]), unknown)
    assert.ok(performance.now() - started < 1000)
  }
})
