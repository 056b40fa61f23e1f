import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Plan } from '../src/core/types.ts'
import { openStore } from '../src/edge/store/store.ts'
import { createEnforce, type Firewall, restore } from '../src/enforce.ts'

/** A firewall in memory that can be broken, flushed and asked how it was changed. */
function createFake() {
  const state = { held: [] as string[], passes: [] as readonly string[], broken: false, rebuilds: 0, during: () => {} }
  const guard = () => {
    state.during()
    if (state.broken) throw new Error('the firewall is broken')
  }
  const firewall: Firewall = {
    async apply({ block, renew, unblock }) {
      guard()
      for (const ip of [...unblock, ...renew.map(drop => drop.ip)]) if (!state.held.includes(ip)) throw new Error(`no rule for ${ip}`)
      state.held = [...state.held.filter(ip => !unblock.includes(ip)), ...block.map(({ ip }) => ip)]
      return { done: true }
    },
    async drift({ blocks, passes }) {
      guard()
      const ips = blocks.map(({ ip }) => ip)
      return [...ips, ...passes].sort().join() === [...state.held, ...state.passes].sort().join() ? undefined : 'it differs'
    },
    async rebuild({ blocks, passes }) {
      guard()
      state.rebuilds++
      state.held = blocks.map(({ ip }) => ip)
      state.passes = passes
    },
    list: async () => state.held,
    remove: async () => false,
    backend: () => 'fake',
  }
  return { state, firewall }
}

function setUp() {
  const store = openStore(':memory:', { create: true })
  const fake = createFake()
  const time = { now: 1000 }
  const block = (ip: string, expiresAt = 100_000) => {
    store.blocks.release(ip, time.now, 'replaced')
    store.blocks.add({ ip, reason: 'manual', score: 0, threatCount: 0, blockedAt: time.now, expiresAt })
  }
  const allow = { list: [] as readonly string[] }
  const enforce = createEnforce({ store, firewall: fake.firewall, clock: () => time.now, allowed: () => allow.list })
  return { store, ...fake, time, block, allow, enforce }
}

test('blocks, and releases when the time is over', async () => {
  const { state, time, block, enforce } = setUp()
  await enforce({ verify: true })
  block('192.0.2.1', 5000)
  assert.deepEqual((await enforce()).applied, ['192.0.2.1'])
  assert.deepEqual(state.held, ['192.0.2.1'])
  time.now = 4999
  await enforce()
  assert.deepEqual(state.held, ['192.0.2.1'])
  time.now = 5000
  assert.deepEqual(
    (await enforce()).expired.map(row => row.ip),
    ['192.0.2.1'],
  )
  assert.deepEqual(state.held, [])
})

test('a failed call leaves the block pending, and the next one brings all in step', async () => {
  const { state, block, enforce, store } = setUp()
  await enforce({ verify: true })
  state.broken = true
  block('192.0.2.1')
  await assert.rejects(enforce(), /the firewall is broken/)
  assert.equal(store.blocks.hasPlan(), true)
  state.broken = false
  await enforce()
  assert.deepEqual(state.held, ['192.0.2.1'])
  assert.equal(store.blocks.hasPlan(), false)
})

test('what somebody else removed or added is repaired by a verifying turn', async () => {
  const { state, block, enforce } = setUp()
  block('192.0.2.1')
  await enforce({ verify: true })
  state.held = ['203.0.113.9']
  assert.equal((await enforce()).repaired, undefined)
  assert.equal((await enforce({ verify: true })).repaired, 'it differs')
  assert.deepEqual(state.held, ['192.0.2.1'])
})

test('a start takes over what a killed daemon had in the kernel but not yet noted', async () => {
  const { state, block, enforce, store } = setUp()
  block('192.0.2.1')
  state.held = ['192.0.2.1']
  await enforce({ verify: true })
  assert.deepEqual(state.held, ['192.0.2.1'])
  assert.equal(store.blocks.hasPlan(), false)
})

test('an address that is blocked again while it is being released stays dropped', async () => {
  const { state, time, block, enforce } = setUp()
  block('192.0.2.1', 2000)
  await enforce({ verify: true })
  time.now = 2000
  let isFirst = true
  state.during = () => {
    if (isFirst) block('192.0.2.1', 9000)
    isFirst = false
  }
  await enforce()
  await enforce()
  assert.deepEqual(state.held, ['192.0.2.1'])
})

test('overlapping calls come one after the other', async () => {
  const { state, block, enforce } = setUp()
  await enforce({ verify: true })
  block('192.0.2.1')
  await Promise.all([enforce(), enforce(), enforce({ verify: true })])
  assert.deepEqual(state.held, ['192.0.2.1'])
})

test('what is allowed inside a blocked network passes, and no longer when the network or the permission is gone', async () => {
  const { state, block, allow, enforce, store } = setUp()
  allow.list = ['192.0.2.7', '198.51.100.1']
  assert.equal((await enforce({ verify: true })).repaired, undefined)
  block('203.0.113.0/24')
  await enforce()
  assert.deepEqual([state.held, state.passes, state.rebuilds], [['203.0.113.0/24'], [], 0])
  block('192.0.2.0/24')
  await enforce()
  assert.deepEqual([state.held, state.passes], [['203.0.113.0/24', '192.0.2.0/24'], ['192.0.2.7']])
  allow.list = ['192.0.2.7', '192.0.2.8', '203.0.113.0/28']
  assert.equal((await enforce()).repaired, undefined, 'an own change is no repair')
  assert.deepEqual(state.passes, ['192.0.2.7', '192.0.2.8', '203.0.113.0/28'])
  store.blocks.release('192.0.2.0/24', 1000, 'manual')
  await enforce()
  assert.deepEqual(state.passes, ['203.0.113.0/28'])
  state.passes = []
  assert.equal((await enforce({ verify: true })).repaired, 'it differs')
  assert.deepEqual(state.passes, ['203.0.113.0/28'])
})

test('a block that is replaced by a longer one is renewed in the kernel', async () => {
  const { firewall, block, enforce } = setUp()
  const plans: Plan[] = []
  const { apply } = firewall
  firewall.apply = plan => {
    plans.push(plan)
    return apply(plan)
  }
  await enforce({ verify: true })
  block('192.0.2.1', 5000)
  await enforce()
  block('192.0.2.1', 3_601_000)
  await enforce()
  assert.deepEqual(plans, [
    { block: [{ ip: '192.0.2.1', timeout: 64 }], renew: [], unblock: [] },
    { block: [], renew: [{ ip: '192.0.2.1', timeout: 3660 }], unblock: [] },
  ])
})

const IPS = ['192.0.2.1', '192.0.2.2', '2001:db8::/64']
const action = fc.oneof(
  fc.record({ do: fc.constant('block' as const), ip: fc.constantFrom(...IPS), time: fc.integer({ min: 1, max: 50 }) }),
  fc.record({ do: fc.constant('release' as const), ip: fc.constantFrom(...IPS), time: fc.constant(0) }),
  fc.record({
    do: fc.constantFrom('enforce' as const, 'verify' as const, 'break' as const, 'flush' as const, 'restart' as const, 'wait' as const),
    ip: fc.constant(''),
    time: fc.integer({ min: 0, max: 40 }),
  }),
)

test('whatever happens, after one verifying turn the firewall holds just what stands', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 30 }), async actions => {
      const { store, state, firewall, time, block } = setUp()
      let enforce = createEnforce({ store, firewall, clock: () => time.now })
      for (const step of actions) {
        if (step.do === 'block') block(step.ip, time.now + step.time)
        if (step.do === 'release') store.blocks.release(step.ip, time.now, 'manual')
        if (step.do === 'enforce') await enforce().catch(() => {})
        if (step.do === 'verify') await enforce({ verify: true }).catch(() => {})
        if (step.do === 'break') state.broken = !state.broken
        if (step.do === 'flush') state.held = []
        if (step.do === 'restart') enforce = createEnforce({ store, firewall, clock: () => time.now })
        if (step.do === 'wait') time.now += step.time
      }
      state.broken = false
      await enforce({ verify: true })
      assert.deepEqual(
        [...state.held].sort(),
        store.blocks
          .standing(time.now)
          .map(row => row.ip)
          .sort(),
      )
      assert.equal(store.blocks.hasPlan(), false)
      store.abandon()
    }),
    { numRuns: 300, seed: 1 },
  )
})

test('a restore holds what stands and what passes in it, and writes nothing', async () => {
  const { state, block, allow, firewall, store, time } = setUp()
  block('192.0.2.1', 5000)
  block('192.0.2.2', 3000)
  block('198.51.100.0/24', 5000)
  allow.list = ['198.51.100.7']
  time.now = 3000
  const before = store.query('SELECT * FROM blocks')
  assert.equal(await restore({ store, firewall, clock: () => time.now, allowed: () => allow.list }), 2)
  assert.deepEqual([state.held, state.passes], [['192.0.2.1', '198.51.100.0/24'], ['198.51.100.7']])
  assert.deepEqual(store.query('SELECT * FROM blocks'), before)
})

test('a restore of no block leaves the firewall alone, and one that fails says so', async () => {
  const { state, block, firewall, store, time } = setUp()
  assert.equal(await restore({ store, firewall, clock: () => time.now }), 0)
  assert.equal(state.rebuilds, 0)
  block('192.0.2.1')
  state.broken = true
  await assert.rejects(restore({ store, firewall, clock: () => time.now }), /the firewall is broken/)
})
