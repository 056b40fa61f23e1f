import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createAnnouncer } from '../src/announce.ts'
import type { Kind } from '../src/core/notification/notices.ts'
import { openWanted } from '../src/edge/notification/notify-settings.ts'
import { createHealth } from '../src/health.ts'
import type { Draft } from '../src/outbox.ts'
import { createMemoryLog } from './notifier-harness.ts'

function setUp(kinds: readonly Kind[] = ['block', 'degraded', 'brake', 'model']) {
  const drafts: Draft[] = []
  const { lines, log } = createMemoryLog()
  const world = { now: 0, problem: undefined as string | undefined, leftOut: undefined as Record<string, number> | undefined, refreshed: 0 }
  const outbox = {
    put: (draft: Draft) => void drafts.push(draft),
    problem: () => world.problem,
    takeLeftOut: () => world.leftOut,
    settled: async () => {},
    close: async () => {},
  }
  const wanted = { kinds: () => new Set(kinds), refresh: () => void world.refreshed++ }
  const announcer = createAnnouncer({ outbox, wanted, log, clock: () => world.now })
  return { announcer, drafts, lines, world, told: () => drafts.map(draft => ('event' in draft ? draft.event : draft.kind)).join(' ') }
}

test('every line goes to the journal, and to the outbox what the table names and somebody wants', () => {
  const { announcer, lines, drafts } = setUp()
  announcer.log.info('address.blocked', { ip: '192.0.2.1', note: 'x\u001b'.repeat(300) })
  announcer.log.warn('firewall.repaired', { drift: 'x' })
  announcer.log.info('threat.counted', { ip: '192.0.2.1' })
  announcer.log.error('brake.engaged')
  assert.deepEqual(lines.map(({ level, event }) => `${level} ${event}`), ['info address.blocked', 'warn firewall.repaired', 'info threat.counted', 'error brake.engaged']) // biome-ignore format: one thing
  assert.deepEqual(drafts.map(draft => ('event' in draft ? [draft.kind, draft.event] : [])), [['block', 'address.blocked'], ['brake', 'brake.engaged']]) // biome-ignore format: one thing
  const [{ fields }] = drafts as unknown as [{ fields: { note: string } }]
  assert.match(fields.note, /^[\x20-\x7e]{256}$/)
})

test('a failure that is told every minute is announced once, its end too, and so is the next one', () => {
  const { announcer, world, told } = setUp()
  const health = createHealth(announcer.log, () => world.now, () => {}) // biome-ignore format: one thing
  for (let minute = 0; minute < 5; minute++) {
    health.failed('firewall', 'nft: no')
    health.failed('log', '/a is missing', '/a')
    health.failed('log', '/b is missing', '/b')
    world.now += 60_000
  }
  health.recovered('firewall')
  health.failed('firewall', 'nft: no')
  assert.equal(told(), 'firewall.failed log.failed log.failed firewall.recovered firewall.failed')
})

test('an outbox that fails is told in the journal, never in the outbox', () => {
  const { announcer, world, lines, drafts } = setUp()
  const health = createHealth(announcer.log, () => world.now, () => {}) // biome-ignore format: one thing
  world.problem = 'ENOSPC'
  announcer.report(health)
  assert.equal(health.summary(), 'degraded: outbox: ENOSPC; no notifications are sent')
  world.problem = undefined
  announcer.report(health)
  assert.deepEqual(lines.map(({ event }) => event), ['outbox.failed', 'outbox.recovered']) // biome-ignore format: one thing
  assert.deepEqual([drafts.length, world.refreshed], [0, 2])
})

test('what was left out is told at most once a minute, with its number', () => {
  const { announcer, world, lines } = setUp()
  const health = createHealth(announcer.log, () => world.now, () => {}) // biome-ignore format: one thing
  world.leftOut = { block: 500 }
  for (let second = 0; second < 61; second++) {
    announcer.report(health)
    world.now += 1000
  }
  assert.deepEqual(lines.map(({ event, fields }) => [event, fields.number]), [['notifications.dropped', 500], ['notifications.dropped', 30_000]]) // biome-ignore format: one thing
})

test('without anybody who wants it nothing but questions is put there', () => {
  const { log } = createMemoryLog()
  const drafts: Draft[] = []
  const outbox = { put: (draft: Draft) => void drafts.push(draft), problem: () => undefined, takeLeftOut: () => undefined, settled: async () => {}, close: async () => {} } // biome-ignore format: one thing
  const announcer = createAnnouncer({ outbox, wanted: undefined, log, clock: () => 0 })
  announcer.log.info('address.blocked', { ip: '192.0.2.1' })
  announcer.ask('192.0.2.1', ['googlebot.com'])
  assert.deepEqual(drafts, [{ kind: 'question', ip: '192.0.2.1', domains: ['googlebot.com'] }])
})

test('what is wanted follows notify.toml, and wrong settings want nothing, aloud', t => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-wanted-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'notify.toml')
  const { lines, log } = createMemoryLog()
  const wanted = openWanted(path, log)
  const now = (text: string | undefined) => {
    if (text === undefined) rmSync(path)
    else writeFileSync(path, text)
    wanted.refresh()
    return [...wanted.kinds()].join(' ')
  }
  assert.equal([...wanted.kinds()].join(' '), '')
  assert.equal(now('[notify]\nwebhook = "https://hooks.example/"\n'), 'block repair degraded brake model')
  assert.equal(now('[notify]\nwebhook = "https://hooks.example/"\non = ["brake"]\n'), 'brake')
  assert.equal(now('[notify]\non = ["brake"]\n'), '', 'nowhere to send to')
  assert.equal(lines.length, 0)
  assert.equal(now('[notify]\nwebhook = "SECRET"\n'), '')
  assert.equal(now('SECRET = "SECRET\n'), '')
  assert.equal(now('[notify]\nwebhook = "https://x.example/"\nrates = 1\n'), '')
  wanted.refresh()
  assert.deepEqual(lines.map(({ event }) => event), Array(3).fill('notifications.off')) // biome-ignore format: one thing
  assert.doesNotMatch(JSON.stringify(lines), /SECRET/)
  assert.equal(now(undefined), '')
  chmodSync(folder, 0o700)
})
