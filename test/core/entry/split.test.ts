import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createSplitter, type Piece } from '../../../src/core/entry/split.ts'
import { auditLog, CONCURRENT, SERIAL, WORSTCASE } from './corpus.ts'

const v3 = (id: string) => `{"transaction":{"client_ip":"192.0.2.1","unique_id":"${id}"}}`
const v2 = (id: string) => `{"transaction":{"time":"22/Nov/2026:09:53:41.582928 +0000","transaction_id":"${id}"}}`

function pieces(log: string): Piece[] {
  const splitter = createSplitter({ offset: 0 })
  return [...splitter.push(Buffer.from(log, 'latin1')), ...splitter.finish()]
}

function outline(log: string) {
  return pieces(log).map(piece => (piece.kind === 'entry' ? [piece.format, piece.text] : ['skipped', log.slice(piece.start, piece.end)]))
}

const cases: { name: string; log: string; expected: string[][] }[] = [
  {
    name: 'lines of v3',
    log: `${v3('a')}\n${v3('b')}\n`,
    expected: [
      ['v3-json', v3('a')],
      ['v3-json', v3('b')],
    ],
  },
  {
    name: 'a format that changes',
    log: `${v3('a')}\n${v2('b')}\n`,
    expected: [
      ['v3-json', v3('a')],
      ['v2-json', v2('b')],
    ],
  },
  {
    name: 'CRLF, blank lines and a byte order mark',
    log: `\xef\xbb\xbf${v3('a')}\r\n\r\n\n${v3('b')}\r\n`,
    expected: [
      ['v3-json', v3('a')],
      ['v3-json', v3('b')],
    ],
  },
  {
    name: 'a torn entry with the next one glued to it',
    log: `${v3('a').slice(0, 40)}${v3('b')}\n`,
    expected: [
      ['skipped', v3('a').slice(0, 40)],
      ['v3-json', v3('b')],
    ],
  },
  {
    name: 'NUL bytes before, within and behind an entry',
    log: `\0\0\0${v3('a')}\0\n\0${v3('b').replace('192', '1\x0092')}\n`,
    expected: [
      ['v3-json', v3('a')],
      ['v3-json', v3('b')],
    ],
  },
  {
    name: 'a run of garbage as one piece',
    log: `x\ny\n\nz\n${v3('a')}\n`,
    expected: [
      ['skipped', 'x\ny\n\nz\n'],
      ['v3-json', v3('a')],
    ],
  },
  {
    name: 'a torn end',
    log: `${v3('a')}\n${v3('b').slice(0, 50)}`,
    expected: [
      ['v3-json', v3('a')],
      ['skipped', v3('b').slice(0, 50)],
    ],
  },
  {
    name: 'a whole entry whose newline was never written',
    log: `${v3('a')}\n${v3('b')}`,
    expected: [
      ['v3-json', v3('a')],
      ['v3-json', v3('b')],
    ],
  },
]
for (const { name, log, expected } of cases) test(`the splitter takes ${name}`, () => assert.deepEqual(outline(log), expected))

test('the lines that Coraza spreads an index over give one entry', () => {
  const log =
    '192.0.2.1 127.0.0.1 - - [2026/11/22 09:57:16]\n "GET /x HTTP/1.1"\n 200\nabc - /var/a/20261122/20261122-0957/20261122-095716-abc\n'
  assert.deepEqual(outline(log), [['index-line', 'abc - /var/a/20261122/20261122-0957/20261122-095716-abc']])
})

const indexLine = (host: string, userAgent: string, user = '-') =>
  `${host} 192.0.2.1 ${user} [22/Nov/2026:09:57:54 +0000] "GET /x HTTP/1.1" 403 146 - "${userAgent}" uid - /a/20261122/20261122-0957/20261122-095754-uid 0 1956.000000 md5:a1dab265ac9ad4536dd601f3b559fa9d`

// ModSecurity 3 writes into its index what the client sent, as it was sent.
for (const [host, userAgent] of [
  ['shop.example', v3('a')],
  ['shop.example', '{"transaction":{'],
  ['{"transaction":{', 'curl'],
  ['shop.example', '--26ef6e3e-A--'],
] as const)
  test(`the splitter takes an index line for one whatever its client sent: ${host} ${userAgent}`, () => {
    const line = indexLine(host, userAgent)
    assert.deepEqual(outline(`${line}\n${v3('b')}\n`), [
      ['index-line', line],
      ['v3-json', v3('b')],
    ])
  })

test('a client with a newline in its user name hides no index line', () => {
  const line = indexLine('{"transaction":{', '{"transaction":{', 'a b c\nd e')
  const [first = '', second = ''] = line.split('\n')
  assert.deepEqual(outline(`${line}\n`), [
    ['v3-json', first],
    ['index-line', second],
  ])
})

test('a torn JSON entry is none of an index, whatever its client sent', () => {
  const torn = `{"transaction":{"client_ip":"192.0.2.1","time_stamp":"Tue Dec 22 09:57:15 2026","body":"${indexLine('h', 'x')}`
  assert.deepEqual(outline(`${torn}\n`), [['v3-json', torn]])
})

test('an entry that is too long is one skipped piece, and the next one is whole again', () => {
  const splitter = createSplitter({ offset: 0, maxEntryBytes: 1000 })
  const long = `${v3('x'.repeat(5000))}\n`
  const found = [...splitter.push(Buffer.from(long.slice(0, 3000))), ...splitter.push(Buffer.from(`${long.slice(3000)}${v3('a')}\n`))]
  assert.deepEqual(
    found.map(({ kind, start, end }) => [kind, start, end]),
    [
      ['skipped', 0, long.length],
      ['entry', long.length, long.length + v3('a').length + 1],
    ],
  )
})

test('a hole of NUL bytes is passed over without keeping it', () => {
  const splitter = createSplitter({ offset: 0, maxEntryBytes: 1000 })
  const hole = Buffer.alloc(100_000)
  const found = [hole, hole, hole, Buffer.from(`${v3('a')}\n`)].flatMap(chunk => splitter.push(chunk))
  assert.deepEqual(
    found.map(({ kind, start }) => [kind, start]),
    [['entry', 300_000]],
  )
})

test('a long line costs the same a byte however small its chunks are', () => {
  const cost = (bytes: number) => {
    const splitter = createSplitter({ offset: 0 })
    const chunk = Buffer.alloc(4096, 120)
    const before = process.cpuUsage()
    for (let at = 0; at < bytes; at += chunk.length) splitter.push(chunk)
    const { user, system } = process.cpuUsage(before)
    return user + system
  }
  cost(2 ** 23)
  // Quadratic work would cost 16 times as much for 4 times the bytes.
  assert.ok(cost(2 ** 23) < 10 * Math.max(cost(2 ** 21), 2000))
})

const logs = [...SERIAL, ...CONCURRENT].map(name => ({ name, bytes: auditLog(name).subarray(0, 300_000) }))
const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 65_536 })), { minLength: 1, maxLength: 40 })

/** Pushes chunks of the given sizes, over and over; `quiet` says after which of them settle() is called. */
function inChunks(bytes: Buffer, chunkSizes: readonly number[], quiet: (chunk: number) => boolean): Piece[] {
  const splitter = createSplitter({ offset: 0 })
  const found: Piece[] = []
  for (let at = 0, chunk = 0; at < bytes.length; chunk += 1) {
    // A reader may use its buffer again: the splitter must not keep it.
    const lent = Buffer.from(bytes.subarray(at, at + chunkSizes[chunk % chunkSizes.length]!))
    found.push(...splitter.push(lent))
    at += lent.length
    lent.fill(0)
    if (quiet(chunk)) found.push(...splitter.settle())
  }
  return [...found, ...splitter.finish()]
}

for (const { name, bytes } of logs) {
  const whole = inChunks(bytes, [bytes.length], () => false)
  test(`${name} gives the same pieces in any chunks, however often it is settled`, () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 9 }), (chunkSizes, every) =>
        assert.deepEqual(
          inChunks(bytes, chunkSizes, chunk => chunk % every === 0),
          whole,
        ),
      ),
      { numRuns: 12, seed: 7 },
    )
  })
}

for (const { name, bytes } of [...logs, ...WORSTCASE.map(worst => ({ name: worst, bytes: auditLog(worst) }))]) {
  const whole = inChunks(bytes, [bytes.length], () => false)
  test(`${name} gives the same rest from every settled offset`, () => {
    const splitter = createSplitter({ offset: 0 })
    const given: Piece[] = []
    const offsets = new Map<number, number>()
    for (let at = 0; at < bytes.length; at += 7919) {
      given.push(...splitter.push(bytes.subarray(at, at + 7919)))
      offsets.set(splitter.settledOffset(), given.length)
    }
    for (const [offset, count] of [...offsets].filter((_, index) => index % 8 === 0)) {
      const resumed = createSplitter({ offset })
      assert.deepEqual([...resumed.push(bytes.subarray(offset)), ...resumed.finish()], whole.slice(count))
    }
  })
}

for (const name of WORSTCASE) {
  test(`${name} gives the same in any chunks while it is not settled`, () => {
    const bytes = auditLog(name)
    const whole = inChunks(bytes, [bytes.length], () => false)
    fc.assert(
      fc.property(sizes, chunkSizes =>
        assert.deepEqual(
          inChunks(bytes, chunkSizes, () => false),
          whole,
        ),
      ),
      { numRuns: 10, seed: 7 },
    )
  })
}
