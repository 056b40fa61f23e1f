import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NOW, setUp } from './pipeline-setup.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

const behindProxy = { trusted_proxies: ['198.51.100.0/24'], client_ip_header: 'X-Forwarded-For' }
const PROXY = '198.51.100.1'

test('behind a trusted proxy the client is counted and blocked, no packet of his can be dropped', () => {
  const { handle, store } = setUp(behindProxy)
  const { blocks } = handle([{ ip: PROXY, loggedScore: 9, headers: { 'X-Forwarded-For': '192.0.2.9, 192.0.2.1' } }])
  assert.deepEqual(
    blocks.map(({ ip, enforcement }) => [ip, enforcement]),
    [['192.0.2.1', 'proxied']],
  )
  assert.deepEqual(store.blocks.plan().block, [])
  assert.equal(store.blocks.hasPlan(), false)
  assert.deepEqual(store.blocks.standing(NOW), [])
  assert.deepEqual(
    store.blocks.denied(NOW, { all: false, most: 10 }).map(row => row.ip),
    ['192.0.2.1'],
  )
  assert.equal([...store.events.recent({ ip: '192.0.2.1', since: 0, minScore: 0, limit: 1 })][0]!.address, '192.0.2.1')
})

test('who is blocked behind a proxy and then comes by himself is dropped too, and not the other way round', () => {
  const { handle, store } = setUp(behindProxy)
  const proxied = { ip: PROXY, loggedScore: 9, headers: { 'X-Forwarded-For': '192.0.2.1' } }
  handle([proxied])
  assert.deepEqual(
    handle([{ ip: '192.0.2.1', loggedScore: 9 }]).blocks.map(block => block.enforcement),
    ['firewall'],
  )
  assert.deepEqual(handle([proxied, proxied]).blocks, [])
  assert.deepEqual(
    store.blocks.plan().block.map(row => row.ip),
    ['192.0.2.1'],
  )
  const denied = (all: boolean) => store.blocks.denied(NOW, { all, most: 10 }).map(row => row.ip)
  assert.deepEqual([denied(true), denied(false)], [['192.0.2.1'], []])
})

test('when there are too many to refuse, those with the least time left are left out', () => {
  const { store } = setUp()
  const add = (ip: string, minutes: number, enforcement: 'proxied' | 'firewall') =>
    store.blocks.add({
      ip,
      reason: 'manual',
      score: 0,
      threatCount: 0,
      blockedAt: NOW,
      expiresAt: NOW + minutes * 60_000,
      enforcement,
    })
  add('192.0.2.1', 5, 'proxied')
  add('192.0.2.2', 9, 'proxied')
  add('192.0.2.3', Number.POSITIVE_INFINITY, 'proxied')
  add('192.0.2.4', 60, 'firewall')
  assert.deepEqual(
    store.blocks.denied(NOW, { all: true, most: 3 }).map(row => row.ip),
    ['192.0.2.3', '192.0.2.2', '192.0.2.1'],
  )
})

/** Lets an address be blocked at each of some instants, and gives how long each block lasted in hours. */
function blockedAt(instants: readonly number[], set: Record<string, unknown> = {}) {
  const { handle, store, time } = setUp({ count_window: '1s', ...set })
  const block = (at: number) => {
    time.now = NOW + at
    store.blocks.expire(time.now)
    const { blocks } = handle([{ ip: '192.0.2.1', loggedScore: 9, at: time.now }])
    return blocks.map(({ blockedAt, expiresAt, step }) => `${step}: ${(expiresAt - blockedAt) / HOUR} h`)
  }
  return { hours: instants.flatMap(block), block, store }
}

test('each repeated block lasts longer, up to the most', () => {
  assert.deepEqual(blockedAt([0, DAY, 2 * DAY, 3 * DAY], { block_time_max: '5h' }).hours, ['1: 1 h', '2: 2 h', '3: 4 h', '4: 5 h'])
})

test('an earlier block counts until block_memory after its end', () => {
  assert.deepEqual(blockedAt([0, HOUR + 30 * DAY - 1000]).hours, ['1: 1 h', '2: 2 h'])
  assert.deepEqual(blockedAt([0, HOUR + 30 * DAY]).hours, ['1: 1 h', '1: 1 h'])
  assert.deepEqual(blockedAt([0, DAY, 30 * DAY + 2 * HOUR]).hours, ['1: 1 h', '2: 2 h', '2: 2 h'], 'one is forgotten after the other')
})

test('a block by hand is no earlier one, a forgiven one or a false positive neither, one that was lifted by hand still is', () => {
  const { block, store } = blockedAt([0])
  store.blocks.release('192.0.2.1', NOW, 'manual')
  assert.deepEqual(block(HOUR), ['2: 2 h'])
  store.blocks.release('192.0.2.1', NOW + HOUR, 'replaced')
  store.blocks.add({ ip: '192.0.2.1', reason: 'manual', score: 0, threatCount: 0, blockedAt: NOW + HOUR, expiresAt: NOW + 2 * HOUR })
  assert.deepEqual(block(DAY), ['3: 4 h'])
  store.blocks.release('192.0.2.1', NOW + DAY, 'manual')
  store.blocks.forgive('192.0.2.1')
  assert.deepEqual(block(2 * DAY), ['1: 1 h'])
  store.blocks.release('192.0.2.1', NOW + 2 * DAY, 'false-positive')
  assert.deepEqual(block(3 * DAY), ['1: 1 h'])
})

test('a block that is enforced in another way is no further one', () => {
  const { handle, store } = setUp(behindProxy)
  handle([{ ip: PROXY, loggedScore: 9, headers: { 'X-Forwarded-For': '192.0.2.1' } }])
  assert.deepEqual(
    handle([{ ip: '192.0.2.1', loggedScore: 9 }]).blocks.map(block => block.step),
    [1],
  )
  store.blocks.release('192.0.2.1', NOW, 'manual')
  assert.deepEqual(
    handle([{ ip: '192.0.2.1', loggedScore: 9 }]).blocks.map(block => block.step),
    [2],
  )
})

test('what was only observed makes no later block last longer; among themselves the observed ones do', () => {
  const observed = blockedAt([0, DAY, 2 * DAY], { mode: 'observe' })
  assert.deepEqual(observed.hours, ['1: 1 h', '2: 2 h', '3: 4 h'])
  assert.equal(observed.store.blocks.countEarlier('192.0.2.1', NOW, { observed: false }), 0)
})
