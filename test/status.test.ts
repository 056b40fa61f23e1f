import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Settings } from '../src/core/settings.ts'
import type { DaemonState } from '../src/edge/status-file.ts'
import { createHealth } from '../src/health.ts'
import type { Handled } from '../src/pipeline.ts'
import { createStatus } from '../src/status.ts'

const QUIET = { info: () => {}, warn: () => {}, error: () => {} }
const SILENCE = { why: 'no-entry', since: 1, problem: 'p', remedy: 'r' } as const

function setUp() {
  const states: Omit<DaemonState, 'pid' | 'birth'>[] = []
  const time = { now: 1_000_000 }
  const health = createHealth(
    QUIET,
    () => time.now,
    () => {},
  )
  const status = createStatus({
    health,
    silenceOf: path => (path === '/b' ? SILENCE : undefined),
    model: () => ({ version: 'base' }),
    settings: () => ({ mode: 'enforce', firewall: 'auto', auditLogs: ['/a', '/b'] }) as unknown as Settings,
    backend: () => 'nftables',
    clock: () => time.now,
    file: { write: state => void states.push(state), close: () => {} },
  })
  return { time, health, status, last: () => states.at(-1)!, states }
}

const batch = (pendingBytes: number) => ({ log: '/a', items: [], files: [], lostBytes: 0, pendingBytes })
const handled = (...times: number[]): Handled => ({
  ...{ parsed: times.length, skipped: [], threats: [], blocks: [], evicted: [], held: 0 },
  heard: times.map(at => ({ at, request: true, match: false, score: false })),
})

test('a backlog is to be seen while it is read: how much is left, and how old it is', () => {
  const { status, last, states } = setUp()
  status.followed(batch(5000))
  status.handled('/a', handled(100, 200))
  assert.equal(states.length, 1, 'it does not wait for its turn')
  assert.deepEqual(last().logs, [
    { path: '/a', lag_bytes: 5000, last_at: 200 },
    { path: '/b', lag_bytes: 0, silence: SILENCE },
  ])
  status.handled('/a', handled(300))
  assert.equal(states.length, 1, 'nor is it written for every batch')
  status.followed(batch(0))
  status.handled('/a', handled())
  status.write()
  assert.deepEqual(last().logs[0], { path: '/a', lag_bytes: 0, last_at: 300 })
})

test('how old entries are is kept once all that was there is read', () => {
  const { time, status, last } = setUp()
  const lateOf = (pendingBytes: number, at: number) => {
    status.followed(batch(pendingBytes))
    status.handled('/a', handled(at))
    status.write()
    return last().logs[0]!.late
  }
  assert.equal(lateOf(5000, time.now - 9000), undefined, 'a backlog is old')
  assert.equal(lateOf(0, time.now - 9000), undefined, 'its end too')
  assert.equal(lateOf(0, time.now - 7000), 7000)
  assert.equal(lateOf(0, time.now), 0)
})

test('it is sound since the start, or since the last problem was over', () => {
  const { time, health, status, last } = setUp()
  const sound = () => {
    status.write()
    return last().sound_since
  }
  assert.equal(sound(), 1_000_000)
  time.now += 10
  health.failed('firewall', 'f'.repeat(1000))
  health.note('silence', 's', '/b')
  assert.equal(sound(), undefined)
  assert.equal(last().firewall_problem!.length, 300)
  health.recovered('firewall')
  health.recovered('firewall')
  assert.equal(sound(), undefined)
  time.now += 10
  health.note('silence', undefined, '/b')
  assert.equal(sound(), 1_000_020)
  time.now += 10
  health.recovered('database')
  assert.equal(sound(), 1_000_020, 'what was not wrong does not get right')
})

test('an end in good order is told', () => {
  const { status, last } = setUp()
  status.write()
  assert.equal(last().stopped_at, undefined)
  status.close()
  assert.equal(last().stopped_at, 1_000_000)
})
