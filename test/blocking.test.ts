import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBlocker } from '../src/blocking.ts'
import type { Enforcement } from '../src/core/types.ts'
import { openStore } from '../src/edge/store/store.ts'

const NOW = 1_000_000

function setUp(maxBlocks: number, { subnetCount = 0, allowed = [] as string[] } = {}) {
  const store = openStore(':memory:', { create: true })
  const begin = () => createBlocker(store, { settings: { maxBlocks, subnetCount }, isAllowed: ip => allowed.includes(ip) })
  const block = (ip: string, minutes: number, enforcement: Enforcement = 'firewall') =>
    ({
      ip,
      reason: 'high-score',
      score: 9,
      threatCount: 1,
      blockedAt: NOW,
      expiresAt: NOW + minutes * 60_000,
      rules: ['942100'],
      eventId: 7,
      enforcement,
      step: 1,
    }) as const
  const standing = () =>
    store.blocks
      .allActive(NOW)
      .map(row => row.ip)
      .sort()
  return { store, begin, block, standing }
}

test('when there are as many as may be, the one with the least time left makes room, those without an end last', () => {
  const { store, begin, block, standing } = setUp(3)
  const blocker = begin()
  blocker.add(block('192.0.2.1', Number.POSITIVE_INFINITY))
  blocker.add(block('192.0.2.2', 5))
  blocker.add(block('192.0.2.3', 60))
  blocker.add(block('192.0.2.4', 1))
  assert.deepEqual(standing(), ['192.0.2.1', '192.0.2.3', '192.0.2.4'], 'the new one comes in, whatever time it has')
  blocker.add(block('192.0.2.5', Number.POSITIVE_INFINITY))
  blocker.add(block('192.0.2.6', Number.POSITIVE_INFINITY))
  blocker.add(block('192.0.2.7', 10))
  assert.deepEqual(standing(), ['192.0.2.5', '192.0.2.6', '192.0.2.7'])
  assert.deepEqual(
    blocker.finish().map(({ ip }) => ip),
    ['192.0.2.2', '192.0.2.4', '192.0.2.3', '192.0.2.1'],
  )
  assert.equal(store.totals.all().evicted, 4)
  assert.equal(store.blocks.of('192.0.2.2', 1)[0]!.released_by, 'room')
})

test('a block that replaces another needs no room', () => {
  const { begin, block, standing, store } = setUp(2)
  const blocker = begin()
  for (const ip of ['192.0.2.1', '192.0.2.2', '192.0.2.2', '192.0.2.1']) blocker.put(block(ip, 5))
  assert.deepEqual(standing(), ['192.0.2.1', '192.0.2.2'])
  assert.deepEqual(blocker.finish(), [])
  assert.equal(store.blocks.of('192.0.2.2', 2)[1]!.released_by, 'replaced')
})

test('a lower limit holds from the next block on', () => {
  const { begin, block, standing, store } = setUp(5)
  const blocker = begin()
  for (let host = 1; host <= 5; host++) blocker.put(block(`192.0.2.${host}`, host))
  const stricter = createBlocker(store, { settings: { maxBlocks: 2, subnetCount: 0 }, isAllowed: () => false })
  stricter.put(block('192.0.2.9', 9))
  assert.deepEqual(standing(), ['192.0.2.5', '192.0.2.9'])
})

test('a /24 is blocked as a whole when more than subnet_count of its addresses are', () => {
  const { begin, block, standing, store } = setUp(100, { subnetCount: 2 })
  const blocker = begin()
  assert.equal(blocker.add(block('192.0.2.1', 60)).length, 1)
  blocker.add(block('192.0.20.1', 60))
  blocker.add(block('2001:db8::/64', 60))
  assert.equal(blocker.add(block('192.0.2.2', 60)).length, 1)
  assert.deepEqual(
    blocker.add(block('192.0.2.3', 60)).map(({ ip, reason, note }) => ({ ip, reason, note })),
    [
      { ip: '192.0.2.3', reason: 'high-score', note: undefined },
      { ip: '192.0.2.0/24', reason: 'high-score', note: 'subnet: 3 of its addresses are blocked' },
    ],
  )
  assert.equal(blocker.add(block('192.0.2.4', 60)).length, 1, 'it stands already')
  assert.deepEqual(standing(), ['192.0.2.0/24', '192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4', '192.0.20.1', '2001:db8::/64'])
  assert.equal(store.blocks.active('192.0.2.0/24', NOW)!.event_id, 7)
})

test('blocks of each enforcement are bounded for themselves', () => {
  const { begin, block, standing } = setUp(2)
  const blocker = begin()
  for (const ip of ['192.0.2.1', '192.0.2.2']) blocker.put(block(ip, 1))
  for (const ip of ['192.0.2.3', '192.0.2.4', '192.0.2.5']) blocker.put(block(ip, 60, 'observed'))
  blocker.put(block('192.0.2.6', 60, 'proxied'))
  assert.deepEqual(standing(), ['192.0.2.1', '192.0.2.2', '192.0.2.4', '192.0.2.5', '192.0.2.6'])
  blocker.put(block('192.0.2.4', 60), { goesOn: true })
  assert.deepEqual(standing(), ['192.0.2.2', '192.0.2.4', '192.0.2.5', '192.0.2.6'], 'what was observed takes a place among the others')
  blocker.put(block('192.0.2.7', 60, 'observed'))
  assert.deepEqual(standing(), ['192.0.2.2', '192.0.2.4', '192.0.2.5', '192.0.2.6', '192.0.2.7'], 'and leaves its own')
})

test('a /24 is counted by the blocks that are enforced in the same way', () => {
  const { begin, block, standing, store } = setUp(100, { subnetCount: 1 })
  const blocker = begin()
  const add = (host: number, enforcement: Enforcement) => blocker.add(block(`192.0.2.${host}`, 60, enforcement)).length
  assert.deepEqual([add(1, 'observed'), add(2, 'firewall'), add(3, 'proxied')], [1, 1, 1])
  assert.equal(add(4, 'observed'), 2)
  assert.equal(store.blocks.active('192.0.2.0/24', NOW)!.enforcement, 'observed')
  assert.equal(add(5, 'firewall'), 2, 'what is only observed gives way to what is enforced')
  assert.equal(store.blocks.active('192.0.2.0/24', NOW)!.enforcement, 'firewall')
  assert.equal(add(6, 'proxied'), 1)
  assert.equal(standing().length, 7)
})

test('a /24 that holds an allowed address is never blocked by itself', () => {
  const { begin, block, standing } = setUp(100, { subnetCount: 1, allowed: ['192.0.2.0/24'] })
  const blocker = begin()
  for (let host = 1; host <= 5; host++) blocker.add(block(`192.0.2.${host}`, 60))
  assert.equal(standing().includes('192.0.2.0/24'), false)
})
