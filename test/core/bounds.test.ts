import assert from 'node:assert/strict'
import { test } from 'node:test'
import { excess, isSubnetDue, subnetOf, tooWide, widerNetworks } from '../../src/core/bounds.ts'

test('as many make room as there are too many, and never more than stand', () => {
  const cases = [
    [{ standing: 9, adding: 1, most: 10 }, 0],
    [{ standing: 10, adding: 1, most: 10 }, 1],
    [{ standing: 15, adding: 1, most: 10 }, 6],
    [{ standing: 3, adding: 20, most: 10 }, 3],
    [{ standing: 0, adding: 1, most: 1 }, 0],
  ] as const
  for (const [numbers, expected] of cases) assert.equal(excess(numbers), expected, JSON.stringify(numbers))
})

test('only a single IPv4 address has a subnet', () => {
  const cases = ['192.0.2.77', '192.0.2.0/24', '192.0.2.64/26', '2001:db8::/64', '2001:db8::1']
  assert.deepEqual(cases.map(subnetOf), ['192.0.2.0/24', undefined, undefined, undefined, undefined])
})

test('a subnet is due when more than subnet_count of it are blocked, and never at 0', () => {
  assert.deepEqual([isSubnetDue(5, 5), isSubnetDue(6, 5), isSubnetDue(250, 0)], [false, true, false])
})

test('a block is at least a /8, of IPv6 a /16', () => {
  assert.deepEqual(['10.0.0.0/8', '10.1.2.3', '2001::/16'].map(tooWide), [undefined, undefined, undefined])
  assert.match(tooWide('10.0.0.0/7')!, /10\.0\.0\.0\/7 is too wide for a block: at least \/8/)
  assert.match(tooWide('::/0')!, /at least \/16/)
})

test('the wider networks of an address are those that a block may have', () => {
  assert.deepEqual(
    widerNetworks('192.0.2.77/28'),
    [27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8].map(bits => expected(bits)),
  )
  assert.equal(widerNetworks('2001:db8:1::7').length, 112)
  assert.equal(widerNetworks('2001:db8:1::7').at(-1), '2001::/16')
  assert.deepEqual(widerNetworks('10.0.0.0/8'), [])
})

function expected(bits: number): string {
  const value = Math.floor(((192 * 256 + 0) * 256 + 2) * 256 + 77)
  const kept = Math.floor(value / 2 ** (32 - bits)) * 2 ** (32 - bits)
  return `${[24, 16, 8, 0].map(shift => Math.floor(kept / 2 ** shift) % 256).join('.')}/${bits}`
}
