import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  allowLine,
  blockLine,
  createStandingReader,
  disallowedLine,
  type StandingBlock,
  unblockedLine,
} from '../../src/core/standing-lines.ts'

const NOW = 1_800_000_000_000
const HOUR = 3_600_000
const block = (more: Partial<StandingBlock> = {}): StandingBlock => ({
  ip: '192.0.2.1',
  reason: 'high-score',
  score: 9,
  threatCount: 3,
  blockedAt: NOW - HOUR,
  expiresAt: NOW + HOUR,
  enforcement: 'firewall',
  step: 2,
  isCorroborated: true,
  origin: '',
  note: '',
  ...more,
})
const everybody = { isAllowed: (_: string) => false, maxBlocks: 10 }

function read(lines: readonly (string | undefined)[], options = everybody) {
  const reader = createStandingReader(NOW)
  for (const line of lines) reader.take(line)
  return reader.finish(options)
}

test('what is written comes back as it was', () => {
  const blocks = [
    block(),
    block({ ip: '2001:db8::/64', reason: 'manual', score: 0, expiresAt: Number.POSITIVE_INFINITY, note: 'a "quoted" word\n', step: 1 }),
    block({ ip: '198.51.100.0/24', reason: 'imported', origin: 'list', isCorroborated: false }),
    block({ ip: '203.0.113.9', enforcement: 'proxied' }),
    block({ ip: '203.0.113.10', enforcement: 'observed' }),
  ]
  const allow = [
    { network: '10.0.0.0/8', reason: 'office', addedAt: NOW - HOUR, expiresAt: Number.POSITIVE_INFINITY },
    { network: '2001:db8::7', reason: '', addedAt: NOW - HOUR, expiresAt: NOW + 1 },
  ]
  const found = read([...allow.map(allowLine), ...blocks.map(blockLine)])
  const byIp = (a: StandingBlock, b: StandingBlock) => (a.ip < b.ip ? -1 : 1)
  assert.deepEqual([...found.blocks].sort(byIp), [...blocks].sort(byIp))
  assert.deepEqual(found.allow, allow)
  assert.deepEqual(found.leftOut, { malformed: 0, expired: 0, allowed: 0, beyond_limit: 0 })
})

test('what was ended later is gone, and comes back when it was blocked or allowed once more', () => {
  const allowed = allowLine({ network: '10.0.0.0/8', reason: '', addedAt: NOW, expiresAt: Number.POSITIVE_INFINITY })
  const ended = [blockLine(block()), allowed, unblockedLine('192.0.2.1'), disallowedLine('10.0.0.0/8'), unblockedLine('192.0.2.2')]
  const found = read(ended)
  assert.deepEqual([found.blocks, found.allow, found.leftOut.malformed], [[], [], 0])
  assert.deepEqual([...found.known], ['192.0.2.1', '192.0.2.2'], 'the firewall may hold them still')
  const again = read([...ended, blockLine(block()), allowed])
  assert.deepEqual([again.blocks.length, again.allow.length], [1, 1])
  assert.equal(read([unblockedLine('192.0.2.1; x')]).leftOut.malformed, 1)
})

test('a long note is cut, and its line can be read', () => {
  const [found] = read([blockLine(block({ note: 'ä'.repeat(100_000) }))]).blocks
  assert.equal(found?.note.length, 500)
})

const line = (more: Record<string, unknown>) => JSON.stringify({ ...JSON.parse(blockLine(block())), ...more })
const malformed = [
  { name: 'a blank', text: ' ' },
  { name: 'half a line', text: blockLine(block()).slice(0, -9) },
  { name: 'a line that was too long', text: undefined },
  { name: 'null', text: 'null' },
  { name: 'an array', text: '[]' },
  { name: 'no address', text: line({ ip: 'localhost' }) },
  { name: 'a rule in the place of an address', text: line({ ip: '192.0.2.1 -j ACCEPT' }) },
  { name: 'an address in another spelling', text: line({ ip: '::ffff:192.0.2.1' }) },
  { name: 'a network with host bits', text: line({ ip: '192.0.2.1/24' }) },
  { name: 'everybody', text: line({ ip: '0.0.0.0/0' }) },
  { name: 'a network too wide for a block', text: line({ ip: '64.0.0.0/7' }) },
  { name: 'no such reason', text: line({ reason: 'spite' }) },
  { name: 'no such enforcement', text: line({ enforcement: 'wished' }) },
  { name: 'an end that is no date', text: line({ expires_at: 1e300 }) },
  { name: 'an end in words', text: line({ expires_at: 'tomorrow' }) },
  { name: 'no end', text: line({ expires_at: undefined }) },
  { name: 'half a millisecond', text: line({ blocked_at: NOW - 0.5 }) },
  { name: 'a score of 11', text: line({ score: 11 }) },
  { name: 'step 0', text: line({ step: 0 }) },
  { name: 'an allowed network that is none', text: JSON.stringify({ network: 'any', reason: '', added_at: NOW, expires_at: null }) },
]
for (const { name, text } of malformed)
  test(`${name} is left out and counted`, () => {
    const found = read([text, blockLine(block({ ip: '192.0.2.2' }))])
    assert.deepEqual(
      found.blocks.map(({ ip }) => ip),
      ['192.0.2.2'],
    )
    assert.deepEqual([found.leftOut.malformed, found.allow], [1, []])
  })

test('what is over is left out at its very end, and known all the same', () => {
  const found = read([blockLine(block({ expiresAt: NOW })), blockLine(block({ ip: '192.0.2.2', expiresAt: NOW + 1 }))])
  assert.deepEqual([found.blocks.map(({ ip }) => ip), found.leftOut.expired], [['192.0.2.2'], 1])
  assert.ok(found.known.has('192.0.2.1'))
})

test('of two lines about an address the later one counts', () => {
  const found = read([blockLine(block()), blockLine(block({ note: 'later' }))])
  assert.deepEqual(
    found.blocks.map(({ note }) => note),
    ['later'],
  )
})

test('what is allowed is left out, and of too many those with the least time left, each enforcement for itself', () => {
  const ends = [HOUR, Number.POSITIVE_INFINITY, 2 * HOUR]
  const lines = ['firewall', 'proxied'].flatMap((enforcement, index) =>
    ends.map((end, of) =>
      blockLine(block({ ip: `192.0.2.${index * 10 + of}`, enforcement: enforcement as 'proxied', expiresAt: NOW + end })),
    ),
  )
  const found = read([...lines, blockLine(block({ ip: '198.51.100.1' }))], { isAllowed: ip => ip === '198.51.100.1', maxBlocks: 2 })
  assert.deepEqual(
    found.blocks.map(({ ip }) => ip),
    ['192.0.2.1', '192.0.2.2', '192.0.2.11', '192.0.2.12'],
  )
  assert.deepEqual(found.leftOut, { malformed: 0, expired: 0, allowed: 1, beyond_limit: 2 })
})
