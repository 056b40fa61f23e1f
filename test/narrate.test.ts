import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNarrate } from '../src/narrate.ts'

function setUp() {
  const lines: [string, string, Record<string, unknown>][] = []
  const write =
    (level: string) =>
    (event: string, fields: Readonly<Record<string, unknown>> = {}) =>
      void lines.push([level, event, { ...fields }])
  const time = { now: 1_000_000 }
  const narrate = createNarrate({ info: write('info'), warn: write('warn'), error: write('error') }, () => time.now)
  const threat = (count: number) => ({
    parsed: 1,
    skipped: [],
    held: 0,
    blocks: [],
    evicted: [],
    threats: [{ eventId: count, ip: '192.0.2.1', score: 5 + count / 10, count }],
  })
  return { lines, time, narrate, threat }
}

test('the threats of an address are told at once, then once a minute with their number', () => {
  const { lines, time, narrate, threat } = setUp()
  for (let count = 1; count <= 5; count++) narrate.handled(threat(count))
  assert.deepEqual(lines, [['info', 'threat.counted', { ip: '192.0.2.1', number: 1, score: 5.1, threat_count: 1 }]])
  time.now += 59_999
  narrate.flush()
  assert.equal(lines.length, 1)
  time.now += 1
  narrate.flush()
  assert.deepEqual(lines[1], ['info', 'threat.counted', { ip: '192.0.2.1', number: 4, score: 5.5, threat_count: 5 }])
})

test('more than 100 blocks in a second are summed up', () => {
  const { lines, time, narrate } = setUp()
  const block = {
    ip: '192.0.2.1',
    reason: 'high-score',
    score: 9,
    threatCount: 1,
    blockedAt: 0,
    expiresAt: 3_600_000,
    eventId: 1,
    rules: ['100004'],
    enforcement: 'firewall',
    step: 1,
  } as const
  narrate.handled({ parsed: 150, skipped: [], held: 0, threats: [], blocks: Array(150).fill(block), evicted: [] })
  assert.equal(lines.length, 100)
  assert.deepEqual(lines[0], [
    'info',
    'address.blocked',
    {
      ip: '192.0.2.1',
      reason: 'high-score',
      score: 9,
      threat_count: 1,
      rules: ['100004'],
      step: 1,
      expires_at: '1970-01-01T01:00:00.000Z',
    },
  ])
  time.now += 1000
  narrate.flush()
  assert.deepEqual(lines[100], ['warn', 'addresses.blocked', { number: 50 }])
})

test('a repair is told with what differed', () => {
  const { lines, narrate } = setUp()
  narrate.enforced({ applied: [], removed: 0, expired: [], repaired: 'IPv4: the chain is missing' })
  assert.deepEqual(lines, [['warn', 'firewall.repaired', { drift: 'IPv4: the chain is missing' }]])
})

test('that blocks make room is told one by one, and once a minute that there are too many', () => {
  const { lines, time, narrate } = setUp()
  const evicted = [{ ip: '192.0.2.1', reason: 'manual', blocked_at: 0, expires_at: null }] as const
  const handled = { parsed: 1, skipped: [], threats: [], blocks: [], evicted, held: 0 }
  for (let step = 0; step < 3; step++) narrate.handled(handled)
  const warnings = () => lines.filter(([level]) => level === 'warn').map(([, event, fields]) => [event, fields?.number])
  assert.deepEqual(lines[0], [
    'info',
    'address.unblocked',
    { ip: '192.0.2.1', reason: 'manual', blocked_at: '1970-01-01T00:00:00.000Z', by: 'room' },
  ])
  assert.deepEqual(warnings(), [['blocks.evicted', 1]])
  time.now += 60_000
  narrate.flush()
  assert.deepEqual(warnings(), [
    ['blocks.evicted', 1],
    ['blocks.evicted', 2],
  ])
})

test('what is only observed is told as that, and what the brake holds back once a minute', () => {
  const { lines, time, narrate } = setUp()
  const block = {
    ip: '192.0.2.1',
    reason: 'high-score',
    score: 9,
    threatCount: 1,
    blockedAt: 0,
    expiresAt: 3_600_000,
    eventId: 1,
    rules: [],
    enforcement: 'observed',
    step: 1,
  } as const
  narrate.handled({ parsed: 1, skipped: [], held: 3, threats: [], evicted: [], blocks: [block] })
  narrate.flush()
  narrate.handled({ parsed: 1, skipped: [], held: 4, threats: [], evicted: [], blocks: [] })
  narrate.flush()
  time.now += 60_000
  narrate.flush()
  assert.deepEqual(
    lines.map(([level, event, fields]) => [level, event, fields.ip ?? fields.blocks]),
    [
      ['info', 'address.observed', '192.0.2.1'],
      ['warn', 'brake.held', 3],
      ['warn', 'brake.held', 4],
    ],
  )
})
