import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { feedText, readFeedLine } from '../../src/core/feed.ts'

const NOW = 1_000_000
const blocks = [
  { ip: '192.0.2.1', reason: 'high-score', expires_at: NOW + 3_599_500 },
  { ip: '198.51.100.0/24', reason: 'manual', expires_at: null },
  { ip: '2001:db8::/64', reason: 'imported', expires_at: NOW - 5 },
]
const text = (format: Parameters<typeof feedText>[1], rows = blocks) => feedText(rows, format, { now: NOW, jail: 'modwarden' })

test('a plain list has an address or CIDR a line', () => assert.equal(text('plain'), '192.0.2.1\n198.51.100.0/24\n2001:db8::/64\n'))

test('nginx gets a geo block', () =>
  assert.equal(
    text('nginx'),
    'geo $modwarden_denied {\n    default 0;\n    192.0.2.1 1;\n    198.51.100.0/24 1;\n    2001:db8::/64 1;\n}\n',
  ))

test('CrowdSec gets decisions with what is left of each block', () =>
  assert.deepEqual(JSON.parse(text('crowdsec')), [
    { duration: '3600s', reason: 'modwarden/high-score', scope: 'ip', type: 'ban', value: '192.0.2.1' },
    { duration: '315360000s', reason: 'modwarden/manual', scope: 'range', type: 'ban', value: '198.51.100.0/24' },
    { duration: '1s', reason: 'modwarden/imported', scope: 'range', type: 'ban', value: '2001:db8::/64' },
  ]))

test('fail2ban gets commands, a hundred addresses each', () => {
  assert.equal(text('fail2ban'), 'set modwarden banip 192.0.2.1 198.51.100.0/24 2001:db8::/64\n')
  const many = Array.from({ length: 101 }, (_, index) => ({ ...blocks[0]!, ip: `192.0.2.${index}` }))
  assert.deepEqual(
    text('fail2ban', many)
      .split('\n')
      .map(line => line.split(' ').length - 3),
    [100, 1, -2],
  )
})

test('nothing blocked is an empty list everywhere', () => {
  assert.deepEqual([text('plain', []), text('crowdsec', []), text('fail2ban', [])], ['', '[]\n', ''])
})

const lines: [string, string | undefined | RegExp][] = [
  ['192.0.2.1', '192.0.2.1'],
  ['  192.0.2.1\r', '192.0.2.1'],
  ['192.0.2.77/24 ; SBL123', '192.0.2.0/24'],
  ['192.0.2.1,scanner,2026', '192.0.2.1'],
  ['192.0.2.1 1795434000', '192.0.2.1'],
  ['2001:DB8::1 # a comment', '2001:db8::1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['', undefined],
  ['# a comment', undefined],
  ['; another', undefined],
  ['10.0.0.0/8', '10.0.0.0/8'],
  ['10.0.0.0/7', /nothing wider than \/8/],
  ['0.0.0.0/0', /nothing wider than \/8 is imported, got '0\.0\.0\.0\/0'/],
  ['::/0', /nothing wider than \/19/],
  ['2001:db8::/19', '2001::/19'],
  ['<html>', /must be an IP address or a CIDR/],
  ['192.0.2.1/33', /prefix length/],
  ['192.0.2.1;DROP TABLE blocks', '192.0.2.1'],
  ['x'.repeat(1025), /longer than 1024/],
]
for (const [line, expected] of lines) {
  test(`a line of a list: ${line.slice(0, 40)}`, () => {
    const read = readFeedLine(line)
    if (expected instanceof RegExp) assert.match(read?.ok === false ? read.problem : '', expected)
    else assert.deepEqual(read, expected === undefined ? undefined : { ok: true, value: expected })
  })
}

test('whatever a list holds, a line is nothing, a problem, or an address that can be read again', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.ipV4(), fc.ipV6(), fc.ipV4Extended()), line => {
      const read = readFeedLine(line)
      if (read?.ok) assert.deepEqual(readFeedLine(read.value), read)
    }),
  )
})
