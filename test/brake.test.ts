import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handleBatch } from '../src/pipeline.ts'
import type { FakeEntry } from './entries.ts'
import { setUp, toBatch } from './pipeline-setup.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

const address = (index: number) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`
const each = (count: number, entry: Partial<FakeEntry> = {}, from = 0): FakeEntry[] =>
  Array.from({ length: count }, (_, index) => ({ ip: address(from + index), ...entry }))
/** An ordinary request that a broken model scores 9; here the inline scorer has it and says so by a rule of its own. */
const poisoned = { loggedScore: 9 }
const flood = { loggedScore: 9, attack: true, denied: true }

function start(values: Record<string, unknown> = {}) {
  const parts = setUp(values)
  const blocked = (entries: readonly FakeEntry[], size = 500) => {
    let [blocks, held] = [0, 0]
    for (let from = 0; from < entries.length; from += size) {
      const handled = parts.handle(entries.slice(from, from + size).map(entry => ({ at: parts.time.now, ...entry })))
      blocks += handled.blocks.length
      held += handled.held
    }
    return { blocks, held }
  }
  const age = (span: number) => {
    parts.time.now += span
    parts.store.blocks.expire(parts.time.now)
  }
  return { ...parts, blocked, age }
}

/** A database that knows what is usual. */
function startArmed(values: Record<string, unknown> = {}) {
  const parts = start(values)
  parts.blocked(each(1, {}, 60_000))
  parts.age(2 * DAY)
  return parts
}

for (const size of [1, 30, 1000]) {
  test(`a model that scores everything 9 blocks a twentieth of the clients and then pauses, in batches of ${size}`, () => {
    const { blocked, store, time, pipeline } = startArmed()
    blocked(each(1000))
    assert.deepEqual(blocked(each(1000, poisoned), size), { blocks: 50, held: 950 })
    const state = store.brake.state()
    assert.deepEqual(state, { paused: true, at: time.now, blocked: 51, clients: 1000, usual: 0, model: pipeline.model().version })
    assert.equal(store.blocks.countActive(time.now), 50, 'standing blocks stay')
  })
}

test('another model that finds everything strange is braked at once, also on the first day', () => {
  const { pipeline, store, handle, time } = start()
  handle([{ ip: '192.0.2.1' }])
  const parts = { ...pipeline, model: () => ({ ...pipeline.model(), version: 'poisoned' }) }
  const entries = each(300, { ...poisoned, at: time.now })
  assert.equal(handleBatch(toBatch(entries, 'full'), parts).blocks.length, 20)
  const state = store.brake.state()
  assert.equal(state.paused && state.model, 'poisoned')
})

test('on the first day nobody can say what is usual: nothing is held back', () => {
  const { blocked, store, age } = start()
  assert.deepEqual(blocked(each(200, poisoned)), { blocks: 200, held: 0 })
  age(DAY - 1)
  assert.deepEqual(blocked(each(601, poisoned, 1000)), { blocks: 601, held: 0 })
  age(2 * DAY)
  assert.equal(blocked(each(4000, poisoned, 5000)).blocks, 3 * 601)
  assert.equal(store.brake.state().paused, true)
})

test('a real flood is blocked, however many attackers there are: the rules and the model agree', () => {
  const { blocked, store } = startArmed()
  blocked(each(10))
  assert.deepEqual(blocked(each(3000, flood, 1000)), { blocks: 3000, held: 0 })
  assert.equal(store.brake.state().paused, false)
})

test('rules that deny everybody are braked where the model finds the requests ordinary', () => {
  const { blocked, store } = startArmed({ intercepted_score: 0, max_count: 0 })
  const { blocks } = blocked(each(500, { attack: true, denied: true }))
  assert.ok(blocks <= 25, `${blocks}`)
  assert.equal(store.brake.state().paused, true)
})

test('up to three times the busiest hour of the last days is nothing unusual', () => {
  for (const [days, blocks] of [
    [2, 90],
    [8, 20],
  ] as const) {
    const { blocked, age } = startArmed()
    // The busiest hour: thirty blocks, while many clients were there.
    blocked(each(2000, {}, 10_000))
    assert.equal(blocked(each(30, poisoned, 20_000)).blocks, 30)
    age(days * DAY)
    assert.equal(blocked(each(200, poisoned)).blocks, blocks)
  }
})

test('while paused, only what two witnesses agree on is blocked; resumed it goes on, and the brake is armed again later', () => {
  const { blocked, store, time, age } = startArmed()
  blocked(each(100, poisoned))
  assert.deepEqual(blocked(each(10, poisoned, 1000)), { blocks: 0, held: 10 })
  assert.deepEqual(blocked(each(10, flood, 2000)), { blocks: 10, held: 0 })
  store.brake.set({ paused: false, resumedUntil: time.now + DAY })
  assert.deepEqual(blocked(each(500, poisoned, 3000)), { blocks: 500, held: 0 })
  age(DAY + HOUR)
  assert.equal(blocked(each(2000, poisoned, 10_000)).blocks, 3 * 520, 'three times what is usual now')
})

test('observing needs no brake, and without one nothing pauses', () => {
  for (const values of [{ mode: 'observe' }, { brake_addresses: 0 }]) {
    const { blocked, store } = startArmed(values)
    assert.deepEqual(blocked(each(200, poisoned)), { blocks: 200, held: 0 })
    assert.equal(store.brake.state().paused, false)
  }
})
