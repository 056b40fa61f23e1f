import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createCover, networkAt, parseNetwork } from '../../src/core/ip.ts'
import { changeScript, readSet, setScript } from '../../src/core/ipset-script.ts'
import { elementCommands, readTable, tableScript } from '../../src/core/nft-script.ts'
import { changesPasses, networksInside, toDrop, withoutPasses } from '../../src/core/wanted.ts'

const hour = (ip: string) => ({ ip, timeout: 3660 })

test('a table is one transaction: what passes first, one set a length of network, a chain a hook', () => {
  const script = tableScript(
    { blocks: [hour('192.0.2.1'), { ip: '198.51.100.0/24', timeout: undefined }, hour('2001:db8::/64')], passes: ['198.51.100.7'] },
    ['INPUT', 'DOCKER-USER', 'FORWARD'],
  )
  assert.equal(
    script,
    `add table inet modwarden
delete table inet modwarden
table inet modwarden {
  set v4_24 { type ipv4_addr; flags timeout; }
  set v4_32 { type ipv4_addr; flags timeout; }
  set v6_64 { type ipv6_addr; flags timeout; }
  chain blocked {
    ip saddr 198.51.100.7 return
    ip saddr & 255.255.255.0 @v4_24 drop
    ip saddr @v4_32 drop
    ip6 saddr & ffff:ffff:ffff:ffff:: @v6_64 drop
  }
  chain input { type filter hook input priority -10; policy accept; jump blocked; }
  chain forward { type filter hook forward priority -10; policy accept; jump blocked; }
}
add element inet modwarden v4_32 { 192.0.2.1 timeout 3660s }
add element inet modwarden v4_24 { 198.51.100.0 }
add element inet modwarden v6_64 { 2001:db8:: timeout 3660s }
`,
  )
})

test('a change removes before it adds, and renews by both', () => {
  assert.deepEqual(elementCommands({ block: [hour('192.0.2.1')], renew: [hour('192.0.2.2')], unblock: ['192.0.2.3', '10.0.0.0/8'] }), [
    'delete element inet modwarden v4_32 { 192.0.2.3, 192.0.2.2 }',
    'delete element inet modwarden v4_8 { 10.0.0.0 }',
    'add element inet modwarden v4_32 { 192.0.2.1 timeout 3660s, 192.0.2.2 timeout 3660s }',
  ])
})

test('a listing is taken apart into its structure and its networks', () => {
  const empty = `table inet modwarden {
	set v4_32 {
		type ipv4_addr
		flags timeout
	}

	set v6_64 {
		type ipv6_addr
		flags timeout
	}

	chain blocked {
		ip saddr @v4_32 drop
	}
}
`
  const full = empty
    .replace('flags timeout\n\t}', 'flags timeout\n\t\telements = { 192.0.2.1 timeout 3660s,\n\t\t\t     192.0.2.2 }\n\t}')
    .replace('ipv6_addr\n\t\tflags timeout\n', 'ipv6_addr\n\t\tflags timeout\n\t\telements = { 2001:db8:: timeout 5s }\n')
  assert.deepEqual(readTable(empty), { structure: empty, networks: [] })
  assert.deepEqual(readTable(full), { structure: empty, networks: ['192.0.2.1', '192.0.2.2', '2001:db8::/64'] })
})

test('a set is filled beside the old one and swapped in', () => {
  const options = { family: 'inet', most: 100_000 } as const
  assert.equal(
    setScript('modwarden4', [hour('192.0.2.1'), { ip: '10.0.0.0/8', timeout: undefined }], { ...options, names: [] }),
    `create modwarden4 hash:net family inet maxelem 100000 timeout 0
create modwarden4.new hash:net family inet maxelem 100000 timeout 0
add modwarden4.new 192.0.2.1 timeout 3660
add modwarden4.new 10.0.0.0/8 timeout 0
swap modwarden4.new modwarden4
destroy modwarden4.new
`,
  )
  assert.match(
    setScript('modwarden4', [], { ...options, names: ['modwarden4', 'modwarden4.new'] }),
    /^destroy modwarden4\.new\ncreate modwarden4\.new .*\nswap/,
  )
  assert.equal(
    changeScript('modwarden6', {
      block: [{ ip: '2001:db8::/64', timeout: 1e9 }],
      renew: [hour('2001:db9::/64')],
      unblock: ['2001:dba::/64'],
    }),
    'del modwarden6 2001:dba::/64\nadd modwarden6 2001:db8::/64 timeout 0\nadd modwarden6 2001:db9::/64 timeout 3660\n',
  )
})

test('a listed set is ours when it is made as ours', () => {
  const head =
    'Name: modwarden4\nType: hash:net\nRevision: 7\nHeader: family inet hashsize 1024 maxelem 100000 timeout 0 bucketsize 12\nNumber of entries: 2'
  assert.deepEqual(readSet(`${head}\nMembers:\n192.0.2.1 timeout 5\n10.0.0.0/8 timeout 0\n`), {
    isOurs: true,
    entries: 2,
    members: ['192.0.2.1', '10.0.0.0/8'],
  })
  assert.equal(readSet(head.replace(' timeout 0', '')).isOurs, false)
  assert.equal(readSet(head.replace('hash:net', 'hash:ip')).isOurs, false)
  assert.deepEqual(readSet(`${head}\n`), { isOurs: true, entries: 2, members: [] })
})

test('the kernel lets go a minute after the daemon should have', () => {
  assert.deepEqual(toDrop({ ip: 'a', expires_at: 10_001 }, 5000), { ip: 'a', timeout: 66 })
  assert.deepEqual(toDrop({ ip: 'a', expires_at: 1000 }, 5000), { ip: 'a', timeout: 60 })
  assert.deepEqual(toDrop({ ip: 'a', expires_at: null }, 5000), { ip: 'a', timeout: undefined })
})

test('only what lies inside a wider blocked network passes', () => {
  const allowed = ['10.1.0.0/16', '10.2.3.4', '192.0.2.0/24', '192.0.2.9', '2001:db8::7', 'fe80::1']
  assert.deepEqual(networksInside(allowed, ['10.0.0.0/8', '192.0.2.0/24', '192.0.2.9', '2001:db8::/64']), [
    '10.1.0.0/16',
    '10.2.3.4',
    '192.0.2.9',
    '2001:db8::7',
  ])
  assert.deepEqual(networksInside(allowed, ['10.2.3.4', '10.1.2.3']), [])
  const plan = (block: string[], unblock: string[] = []) => ({ block: block.map(hour), renew: [], unblock })
  const built = { allowed, passes: ['10.2.3.4'] }
  assert.equal(changesPasses(plan(['172.16.0.0/12', '10.9.9.9']), built), false)
  assert.equal(changesPasses(plan(['10.2.3.0/24']), built), false, 'it passes already')
  assert.equal(changesPasses(plan(['192.0.0.0/16']), built), true)
  assert.equal(changesPasses(plan([], ['10.2.0.0/16']), built), true)
  assert.equal(changesPasses(plan([], ['172.16.0.0/12']), built), false)
})

const network = fc.oneof(
  fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([ip, bits]) => networkAt(ip, bits)),
  fc
    .tuple(fc.constantFrom('2001:db8::1', '2001:db8:0:0:8000::', 'fe80::1'), fc.integer({ min: 0, max: 128 }))
    .map(([ip, bits]) => networkAt(ip, bits)),
  fc
    .tuple(fc.constantFrom('10.0.0.1', '10.128.0.1', '10.0.255.1'), fc.integer({ min: 0, max: 32 }))
    .map(([ip, bits]) => networkAt(ip, bits)),
)

test('a cover is found exactly where a network holds another, bit by bit', () => {
  const bitsOf = (text: string) => {
    const [base = '', length] = text.split('/')
    const parts = base.includes(':')
      ? expand(base).map(group => Number.parseInt(group, 16).toString(2).padStart(16, '0'))
      : base.split('.').map(part => Number(part).toString(2).padStart(8, '0'))
    return (base.includes(':') ? '6' : '4') + parts.join('').slice(0, length === undefined ? undefined : Number(length))
  }
  fc.assert(
    fc.property(fc.array(network, { maxLength: 8 }), network, (networks, inner) => {
      const parsed = parseNetwork(inner)
      assert.ok(parsed.ok && parsed.value === inner)
      const holding = networks.filter(outer => bitsOf(inner).startsWith(bitsOf(outer))).map(outer => bitsOf(outer).length)
      const found = createCover(networks)(inner)
      assert.equal(found === undefined ? Number.POSITIVE_INFINITY : bitsOf(found).length, Math.min(...holding))
    }),
  )
})

function expand(ip: string): string[] {
  const [left = '', right] = ip.split('::')
  const head = left === '' ? [] : left.split(':')
  const tail = right === undefined || right === '' ? [] : right.split(':')
  return [...head, ...Array<string>(right === undefined ? 0 : 8 - head.length - tail.length).fill('0'), ...tail]
}

test('what passes is cut out of a blocked network, and nothing else', () => {
  assert.deepEqual(withoutPasses('192.0.2.0/29', ['192.0.2.5', '203.0.113.1']), ['192.0.2.0/30', '192.0.2.4', '192.0.2.6/31'])
  assert.deepEqual(withoutPasses('192.0.2.0/30', ['192.0.2.0/31', '192.0.2.1']), ['192.0.2.2/31'])
  assert.deepEqual(withoutPasses('2001:db8::/62', ['2001:db8:0:2::/64']), ['2001:db8::/63', '2001:db8:0:3::/64'])
  assert.deepEqual(withoutPasses('192.0.2.0/24', ['10.0.0.1']), ['192.0.2.0/24'])
  assert.deepEqual(withoutPasses('192.0.2.0/24', ['192.0.2.0/24']), [])
  assert.equal(withoutPasses('10.0.0.0/8', ['10.200.30.4']).length, 24)
})
