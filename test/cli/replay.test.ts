import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { WouldBlock } from '../../src/edge/store/scratch.ts'
import { type FakeEntry, v3Entry } from '../entries.ts'
import { modwarden, openFolder } from './modwarden.ts'

const folder = openFolder('modwarden-replay-')
after(() => rmSync(folder, { recursive: true }))
const config = join(folder, 'modwarden.toml')
writeFileSync(config, `database = "${folder}/none.db"\nmodel_dir = "${folder}/models"\nmode = "observe"\n`)

const START = Date.parse('2026-03-02T08:00:00Z')
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

type Found = {
  parsed: number
  skipped: number
  from: string
  addresses: number
  blocks: number
  reasons: object
  dropped: number
  clean_requests: number
  clean_dropped: number
  blocked: (Omit<WouldBlock, 'blocked_at' | 'expires_at'> & { blocked_at: string; expires_at: string })[]
  compare: Found & { new: WouldBlock[]; gone: WouldBlock[]; new_clean_requests: number }
}

const log = (name: string, entries: readonly FakeEntry[], pack = (bytes: Buffer) => bytes) => {
  const path = join(folder, name)
  writeFileSync(path, pack(Buffer.from(entries.map(v3Entry).join(''), 'latin1')))
  return path
}
async function replay(...args: string[]): Promise<Found> {
  const { code, objects, errors } = await modwarden(['--config', config, 'replay', ...args, '--json'])
  assert.equal(code, 0, errors)
  return objects()[0] as Found
}
const at = (after: number, entry: Partial<FakeEntry> = {}): FakeEntry => ({ ip: '192.0.2.1', at: START + after, ...entry })
const attack = (after: number, entry: Partial<FakeEntry> = {}) => at(after, { loggedScore: 9, ...entry })
const shown = ({ blocked }: Found) =>
  blocked.map(({ ip, reason, blocked_at, expires_at, blocks, requests, dropped, clean_requests }) =>
    [ip, reason, blocked_at.slice(11, 16), expires_at?.slice(11, 16), blocks, requests, dropped, clean_requests].join(' '),
  )

test('the time is that of the log: blocks begin and end by it, and each further one lasts longer', async () => {
  const path = log('one.log', [
    at(0),
    attack(MINUTE),
    // While the block stands nothing would have come through.
    attack(30 * MINUTE),
    at(40 * MINUTE),
    // The second one lasts two hours.
    attack(2 * HOUR),
    attack(3 * HOUR + 59 * MINUTE),
    at(4 * HOUR + MINUTE),
    attack(5 * HOUR, { ip: '192.0.2.2', loggedScore: 7.9 }),
  ])
  const found = await replay(path)
  assert.deepEqual(shown(found), ['192.0.2.1 high-score 08:01 09:01 2 7 3 3'])
  assert.deepEqual([found.parsed, found.skipped, found.from], [8, 0, '2026-03-02T08:00:00.000Z'])
  assert.deepEqual(found.reasons, { 'high-score': 2 })
  assert.deepEqual([found.clean_requests, found.clean_dropped], [3, 1])
})

test('the window of threats slides with the log', async () => {
  const threats = (first: number) => Array.from({ length: 10 }, (_, index) => attack(first + index * MINUTE, { loggedScore: 5.5 }))
  const path = log('window.log', [...threats(0), attack(DAY + 5 * MINUTE, { loggedScore: 5.5 })])
  assert.deepEqual(shown(await replay(path)), [])
  const within = log('within.log', [...threats(0), attack(DAY - MINUTE, { loggedScore: 5.5 })])
  assert.deepEqual(shown(await replay(within)), ['192.0.2.1 too-many 07:59 08:59 1 11 0 0'])
})

test('rotated and packed files are read in the order of their times, whatever their names and the order on the command line', async () => {
  const newest = log('audit.log', [attack(4 * HOUR), 'x' as never].slice(0, 1))
  const middle = log('audit.log.1.gz', [attack(90 * MINUTE)], bytes => gzipSync(bytes))
  const oldest = log('audit.log.2.zst', [attack(0)], bytes => zstdCompressSync(bytes))
  const expected = ['192.0.2.1 high-score 08:00 09:00 3 3 0 0']
  assert.deepEqual(shown(await replay(newest, middle, oldest)), expected)
  assert.deepEqual(shown(await replay(oldest, newest, middle)), expected)
})

test('files of the same time are read together', async () => {
  const day = (ip: string) => Array.from({ length: 24 }, (_, hour) => attack(hour * HOUR, { ip, loggedScore: 5.5 }))
  const [one, two] = [
    log('a.log', day('192.0.2.1')),
    log('b.log', [...day('192.0.2.2'), attack(25 * HOUR, { ip: '192.0.2.1', loggedScore: 5.5 })]),
  ]
  assert.deepEqual(shown(await replay(one, two)), await replay(two, one).then(shown))
})

test('two settings are compared: who is new, who is gone, and their clean requests', async () => {
  const path = log('compare.log', [
    attack(0),
    attack(0, { ip: '192.0.2.2', loggedScore: 7.5 }),
    ...[1, 2, 3].map(index => at(index * MINUTE, { ip: '192.0.2.2' })),
  ])
  const found = await replay(path, '--set', 'block_time=2h', '--compare-set', 'block_score=7', 'allowlist=["192.0.2.1"]')
  assert.deepEqual(shown(found), ['192.0.2.1 high-score 08:00 10:00 1 1 0 0'])
  assert.deepEqual(shown(found.compare), ['192.0.2.2 high-score 08:00 10:00 1 4 3 3'])
  assert.deepEqual(
    [found.compare.new.map(row => row.ip), found.compare.gone.map(row => row.ip), found.compare.new_clean_requests],
    [['192.0.2.2'], ['192.0.2.1'], 3],
  )
  const text = await modwarden(['--config', config, 'replay', path, '--compare-set', 'block_score=7'])
  assert.match(text.out, /new: 1 addresses with 3 clean requests/)
})

test('what is no log, no setting or no file is told', async () => {
  const path = log('garbage.log', [])
  writeFileSync(path, 'garbage\n'.repeat(1000))
  const found = await replay(path)
  assert.deepEqual([found.parsed, found.addresses, found.from], [0, 0, null])
  assert.ok(found.skipped > 0)
  for (const [args, code, problem] of [
    [[join(folder, 'none.log')], 1, /cannot read .*none\.log/],
    [[path, '--set', 'block_score'], 64, /must be KEY=VALUE/],
    [[path, '--set', 'block_score=eleven'], 78, /--set: block_score: must be a number from 0 to 10, got "eleven"/],
    [[path, '--compare-model', path], 1, /garbage\.log/],
  ] as const) {
    const answer = await modwarden(['--config', config, 'replay', ...args])
    assert.equal(answer.code, code)
    assert.match(answer.errors, problem)
  }
})
