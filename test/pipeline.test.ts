import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { HttpRequest } from '../src/core/types.ts'
import { createNarrate } from '../src/narrate.ts'
import { handleBatch } from '../src/pipeline.ts'
import { NOW, reasons, setUp, times, toBatch } from './pipeline-setup.ts'

test('one score above 8 blocks, with its reason, rules and times', () => {
  const { handle, store } = setUp()
  const { blocks } = handle([{ ip: '192.0.2.1', loggedScore: 8.1 }])
  assert.deepEqual(
    blocks.map(({ ip, reason, score, threatCount, blockedAt, expiresAt, rules }) => ({
      ip,
      reason,
      score,
      threatCount,
      blockedAt,
      expiresAt,
      rules,
    })),
    [{ ip: '192.0.2.1', reason: 'high-score', score: 8.1, threatCount: 1, blockedAt: NOW, expiresAt: NOW + 3_600_000, rules: ['100004'] }],
  )
  assert.equal(store.blocks.plan().block[0]!.ip, '192.0.2.1')
})

test('the number of blocks stays bounded, and a subnet is blocked as a whole, within a batch as over several', () => {
  const { handle, store } = setUp({ max_blocks: 3, subnet_count: 1 })
  const attack = (host: string) => ({ ip: host, loggedScore: 9 })
  handle([attack('198.51.100.1'), attack('203.0.113.1')])
  const { blocks, evicted } = handle([attack('192.0.2.1'), attack('192.0.2.2')])
  assert.deepEqual(
    blocks.map(({ ip }) => ip),
    ['192.0.2.1', '192.0.2.2', '192.0.2.0/24'],
  )
  assert.deepEqual(
    evicted.map(({ ip }) => ip),
    ['198.51.100.1', '203.0.113.1'],
  )
  assert.equal(store.blocks.countActive(NOW), 3)
})

test('counts go over batches and restarts of the pipeline', () => {
  const { handle } = setUp()
  assert.deepEqual(reasons(handle(times(5, { ip: '192.0.2.1', loggedScore: 5.5 }))), [])
  assert.deepEqual(reasons(handle([{ ip: '192.0.2.1', loggedScore: 6 }])), [])
  assert.deepEqual(reasons(handle([{ ip: '192.0.2.1', loggedScore: 6.1 }])), ['repeated'])
})

test('the mode of the plugin and its last score are kept by log, and what a client may have written tells nothing', () => {
  const { handle, store } = setUp()
  const mode = (id: string, seconds: number, loggedScore?: number) => ({
    ip: '192.0.2.1',
    at: NOW - seconds * 1000,
    rules: [{ id, data: '' }],
    ...(loggedScore === undefined ? {} : { loggedScore }),
  })
  handle([mode('9516140', 50), mode('9516210', 40, 2)])
  handle([mode('9516210', 45, 3), { ip: '192.0.2.1' }])
  handle([mode('9516110', 10, 4)], 'low')
  assert.deepEqual(store.inlineScoring.of('/log'), { modes: { 2: NOW - 40_000, 3: NOW - 50_000 }, scoredAt: NOW - 40_000 })
  assert.equal(store.inlineScoring.of('/other'), undefined)
})

test('the eleventh threat blocks, once', () => {
  const { handle } = setUp()
  assert.deepEqual(reasons(handle(times(14, { ip: '192.0.2.1', loggedScore: 5.1 }))), ['too-many'])
  assert.deepEqual(reasons(handle(times(5, { ip: '192.0.2.1', loggedScore: 5.1 }))), [])
})

test('what lies before the window does not count', () => {
  const { handle, time } = setUp()
  handle(times(10, { ip: '192.0.2.1', loggedScore: 5.1 }))
  time.now += 24 * 3_600_000 + 1000
  assert.deepEqual(reasons(handle([{ ip: '192.0.2.1', loggedScore: 5.1, at: time.now }])), [])
})

test('an old entry counts, and starts no block; one from the future counts as now', () => {
  const { handle, store } = setUp()
  assert.deepEqual(reasons(handle([{ ip: '192.0.2.1', loggedScore: 9, at: NOW - 3_601_000 }])), [])
  assert.equal(store.threats.countSince('192.0.2.1', 0).threats, 1)
  handle([{ ip: '192.0.2.2', loggedScore: 5.5, at: NOW + 86_400_000 }])
  assert.equal([...store.events.recent({ ip: '192.0.2.2', since: 0, minScore: 0, limit: 1 })][0]!.at, NOW)
})

test('nobody who is allowed is counted, and no entry of low trust counts against anybody', () => {
  const { handle, store } = setUp({}, ':memory:', ip => ip === '192.0.2.1')
  assert.deepEqual(reasons(handle(times(20, { ip: '192.0.2.1', loggedScore: 9.9 }))), [])
  assert.deepEqual(reasons(handle(times(20, { ip: '192.0.2.2', loggedScore: 9.9 }), 'low')), [])
  assert.equal(store.threats.countAllSince(0), 0)
  assert.equal([...store.events.recent({ ip: undefined, since: 0, minScore: 0, limit: 100 })].length, 40)
})

test('IPv6 is counted by its prefix', () => {
  const { handle } = setUp()
  const handled = handle(Array.from({ length: 6 }, (_, index) => ({ ip: `2001:db8::${index + 1}`, loggedScore: 6.5 })))
  assert.deepEqual(
    handled.blocks.map(({ ip, reason }) => [ip, reason]),
    [['2001:db8::/64', 'repeated']],
  )
})

test('a busy address is judged by its share, however its entries come in batches', () => {
  for (const size of [1, 10, 300]) {
    const { handle } = setUp()
    const entries = [...times(250, { ip: '192.0.2.1' }), ...times(12, { ip: '192.0.2.1', loggedScore: 9 })]
    const blocks = []
    for (let from = 0; from < entries.length; from += size) blocks.push(...reasons(handle(entries.slice(from, from + size))))
    assert.deepEqual(blocks, [], `batches of ${size}`)
  }
})

test('a busy address is judged in a window without end, too', () => {
  const { handle } = setUp({ count_window: '-1' })
  assert.deepEqual(reasons(handle([...times(250, { ip: '192.0.2.1' }), { ip: '192.0.2.1', loggedScore: 9 }])), [])
})

test('an address that was unblocked by hand starts anew', () => {
  const { handle, store } = setUp()
  handle(times(11, { ip: '192.0.2.1', loggedScore: 5.1 }))
  store.threats.forgive('192.0.2.1')
  store.blocks.release('192.0.2.1', NOW, 'manual')
  assert.deepEqual(reasons(handle(times(10, { ip: '192.0.2.1', loggedScore: 5.1 }))), [])
  assert.deepEqual(reasons(handle([{ ip: '192.0.2.1', loggedScore: 5.1 }])), ['too-many'])
})

test('an entry that cannot be scored is skipped, and stops nothing', () => {
  const { store, handle, pipeline } = setUp()
  const { model } = pipeline
  const failing = {
    ...model(),
    measured: (request: HttpRequest) => {
      if (request.uri === '/bad') throw new RangeError(`no message reaches anybody: ${request.uri}`)
      return model().measured(request)
    },
  }
  pipeline.model = () => failing
  const { parsed, skipped } = handle([{ ip: '192.0.2.1' }, { ip: '192.0.2.2', uri: '/bad' }, { ip: '192.0.2.3' }])
  assert.deepEqual([parsed, skipped.map(({ problem }) => problem)], [2, ['reading it failed: RangeError']])
  assert.equal(store.query('SELECT * FROM dead_letters').length, 1)
})

test('nothing of a batch is kept when the transaction fails', () => {
  const { pipeline, store } = setUp()
  const broken = {
    ...store,
    positions: {
      ...store.positions,
      save: () => {
        throw new Error('the disk is full')
      },
    },
  }
  assert.throws(
    () => handleBatch(toBatch([{ ip: '192.0.2.1', loggedScore: 9 }], 'full'), { ...pipeline, store: broken }),
    /the disk is full/,
  )
  assert.deepEqual(store.query('SELECT * FROM events'), [])
  assert.deepEqual(store.blocks.plan().block, [])
  assert.deepEqual(store.query('SELECT * FROM activity'), [])
})

test('a secret in any value of a request reaches neither the database nor its log nor the journal', () => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-secret-'))
  try {
    const secret = 'S3cr3t-Hunter2-Value'
    const { handle, store } = setUp({}, join(folder, 'modwarden.db'))
    const handled = handle(
      times(12, {
        ip: '192.0.2.1',
        loggedScore: 9,
        uri: `/login/${secret}123456/' or 1=1--?senha=${secret}' or 1=1--&password=${secret}&token=${secret}&${secret}`,
        headers: {
          Authorization: `Bearer ${secret}`,
          Cookie: `session=${secret}`,
          'X-Api-Key': secret,
          Referer: `http://x/?p=${secret}`,
          'User-Agent': secret,
        },
        body: `password=${secret}&card=${secret}`,
      }),
    )
    const journal: string[] = []
    const write = (event: string, fields?: Readonly<Record<string, unknown>>) => void journal.push(`${event} ${JSON.stringify(fields)}`)
    createNarrate({ info: write, warn: write, error: write }, () => NOW).handled(handled)
    store.transaction(() => store.totals.add({ parsed: 1 }))
    const files = readdirSync(folder)
    assert.ok(files.includes('modwarden.db-wal'))
    for (const file of files) assert.equal(readFileSync(join(folder, file), 'latin1').includes(secret), false, file)
    assert.ok(journal.length > 0)
    assert.equal(journal.join().includes(secret), false)
    store.close()
  } finally {
    rmSync(folder, { recursive: true })
  }
})
