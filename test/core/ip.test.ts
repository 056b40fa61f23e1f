import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressKey, canonicalIp, createNetworkSet, parseNetwork, reverseName } from '../../src/core/ip.ts'

const canonical: [string, string | undefined][] = [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:c000:201', '192.0.2.1'],
  ['2001:DB8:0:0:0::1', '2001:db8::1'],
  ['fe80::1%eth0', undefined],
  ['01.2.3.4', undefined],
  ['0x7f.1', undefined],
  ['1.2.3', undefined],
  ['192.0.2.1\n', undefined],
  ['localhost', undefined],
  ['', undefined],
]
for (const [text, expected] of canonical) test(`canonicalIp reads ${JSON.stringify(text)}`, () => assert.equal(canonicalIp(text), expected))

const networks: [string, string | undefined][] = [
  ['10.1.2.3/8', '10.0.0.0/8'],
  ['10.1.2.3/32', '10.1.2.3'],
  ['10.1.2.3/33', undefined],
  ['10.1.2.3/', undefined],
  ['10.1.2.3/8/9', undefined],
  ['2001:db8::5/48', '2001:db8::/48'],
  ['2001:db8::5/128', '2001:db8::5'],
  ['64:ff9b::192.0.2.1/96', '64:ff9b::/96'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['example.org', undefined],
]
for (const [text, expected] of networks) {
  test(`parseNetwork reads ${text}`, () => {
    const parsed = parseNetwork(text)
    assert.equal(parsed.ok ? parsed.value : undefined, expected)
  })
}

test('IPv6 is counted by prefix, IPv4 by itself', () => {
  assert.equal(addressKey('2001:db8:1:2:3:4:5:6', 64), '2001:db8:1:2::/64')
  assert.equal(addressKey('2001:db8:1:2:3:4:5:6', 128), '2001:db8:1:2:3:4:5:6')
  assert.equal(addressKey('192.0.2.1', 64), '192.0.2.1')
})

test('a set holds its addresses and subnets, and every network that reaches into it', () => {
  const has = createNetworkSet(['10.0.0.0/8', '2001:db8::7'])
  assert.deepEqual(
    ['10.9.9.9', '11.0.0.1', '2001:db8::7', '2001:db8::8', '2001:db8::/64', '2001:db9::/64', '8.0.0.0/5', '10.1.0.0/16'].map(has),
    [true, false, true, false, true, false, true, true],
  )
})

test('a network of IPv6 holds no IPv4 address, however wide it is', () => {
  for (const wide of ['::/0', '::/1', '::/16']) {
    const has = createNetworkSet([wide])
    assert.deepEqual(['192.0.2.1', '192.0.2.0/24', '::7', '::/64'].map(has), [false, false, true, true], wide)
    assert.equal(createNetworkSet(['192.0.2.1', '10.0.0.0/8'])(wide), false, wide)
  }
  assert.deepEqual(['192.0.2.1', '10.0.0.0/8', '::7'].map(createNetworkSet(['0.0.0.0/0'])), [true, true, false])
})

test('the DNS keeps the names of an address under its digits, backwards', () => {
  assert.equal(reverseName('192.0.2.1'), '1.2.0.192.in-addr.arpa')
  assert.equal(reverseName('2001:db8::567:89ab'), 'b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa')
})

test('whatever is canonical stays so, and keys are networks', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), text => {
      const ip = canonicalIp(text)
      if (ip === undefined) return
      assert.notEqual(isIP(ip), 0)
      assert.equal(canonicalIp(ip), ip)
      const key = parseNetwork(addressKey(ip, 64))
      assert.ok(key.ok)
      assert.equal(key.value, addressKey(ip, 64))
    }),
  )
})
