import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createSplitter, type Piece } from '../../../src/core/entry/split.ts'

// A server whose clients know every boundary in advance and write what they like into bodies, chunked or not. The forged time is that of
// the first entry to within a millisecond.

const VICTIM = '203.0.113.99'
const EPOCH_MICROS = Date.UTC(2026, 10, 22, 9, 56, 30) * 1000

type Shape = { name: string; boundary: (seed: number) => string; parts: (transaction: Transaction) => string }
type Transaction = { boundary: string; id: string; aLine: string; body: string; framing: string; micros: number; hasError: boolean }

const hex = (seed: number) => (seed * 2654435761 + 305419896).toString(16).slice(-8).padStart(8, 'a')
const part = (boundary: string, letter: string, text = '') => `${boundary}${letter}--\n${text}`
const partB = ({ framing }: Transaction) => `POST /echo HTTP/1.1\nHost: shop.example\n${framing}\n`

const SHAPES: Shape[] = [
  {
    name: 'v2',
    boundary: seed => `--${hex(seed)}-`,
    parts: transaction => {
      const { boundary, aLine, body, id, micros, hasError } = transaction
      const error = hasError ? `Message: Warning. x\nApache-Error: [client 192.0.2.1] ModSecurity: Warning. x [unique_id "${id}"]\n` : ''
      const trailer = `${error}Stopwatch: ${micros - 1500} 1510 (- - -)\nEngine-Mode: "ENABLED"\n`
      const texts = [part(boundary, 'A', `${aLine}\n`), part(boundary, 'B', partB(transaction)), part(boundary, 'C', body)]
      return `${texts.join('')}\n${part(boundary, 'F', 'HTTP/1.1 200 OK\nContent-Length: 2\n\n')}${part(boundary, 'E', 'ok')}\n${part(boundary, 'H', `${trailer}\n`)}${part(boundary, 'Z')}\n`
    },
  },
  {
    name: 'v3',
    boundary: seed => `---${hex(seed)}---`,
    parts: transaction => {
      const { boundary, aLine, body, id, hasError } = transaction
      const error = hasError ? `ModSecurity: Warning. x [file "/f"] [line "1"] [id "942100"] [unique_id "${id}"] [ref ""]\n` : ''
      const texts = [part(boundary, 'A', `${aLine}\n`), part(boundary, 'B', partB(transaction)), part(boundary, 'C', body)]
      return `${texts.join('')}\n\n${part(boundary, 'F', 'HTTP/1.1 200\nServer: nginx\n\n')}${part(boundary, 'H', `${error}\n`)}${part(boundary, 'Z')}\n`
    },
  },
]

const forgedALine = `[22/Nov/2026:09:56:30.000123 +0000] aaaaaaaaaaaaaaaaaaaaaaaaaaa ${VICTIM} 4444 127.0.0.1 80`
// A part H that fits the forged part A in every way.
const forgedFitting =
  'Message: x\nApache-Error: [client 1.2.3.4] ModSecurity: x [unique_id "aaaaaaaaaaaaaaaaaaaaaaaaaaa"]\nStopwatch: 1795341389998000 2130 (- - -)\n'
const forgedTrailer = 'Message: Access denied [file "/x"] [line "1"] [id "100004"]\nStopwatch: 1795341390926336 1734 (- - -)\n'

/** What a client sends: lines, headings with its own boundary (1) or another one (0), whole forged entries, in any order. */
const token = fc.oneof(
  fc.constantFrom('q=x', '', forgedALine, forgedTrailer, forgedFitting, 'GET /forged HTTP/1.1', 'HTTP/1.1 403 Forbidden', 'x'.repeat(300)),
  fc.tuple(fc.constantFrom(0, 1), fc.constantFrom('A', 'B', 'C', 'E', 'F', 'H', 'I', 'Z')),
  fc.tuple(fc.constantFrom(0, 1), fc.constantFrom('AB', 'ABZ', 'ABFHZ', 'ABCFHZ', 'ZABFHZ', 'ZAB', 'ABFGZ', 'ZABFGZ', 'ZABFG')),
)
const sent = fc.array(token, { maxLength: 8 })
const exchange = fc.record({
  sent: fc.oneof({ weight: 1, arbitrary: fc.constant([] as string[]) }, { weight: 2, arbitrary: sent }),
  isChunked: fc.boolean(),
  hasError: fc.boolean(),
})

function bodyOf(tokens: readonly (string | [number, string])[], own: string, other: string): string {
  const texts: Record<string, string> = {
    A: `${forgedALine}\n`,
    B: 'GET /forged HTTP/1.1\nHost: f\n\n',
    H: forgedTrailer,
    G: forgedFitting,
    F: 'HTTP/1.1 403 Forbidden\n\n',
  }
  return tokens
    .map(each =>
      typeof each === 'string'
        ? `${each}\n`
        : [...each[1]].map(letter => part(each[0] ? own : other, letter === 'G' ? 'H' : letter, texts[letter])).join(''),
    )
    .join('')
}

type Exchange = { sent: (string | [number, string])[]; isChunked: boolean; hasError: boolean }

/** The same body from a client that does not know the boundary. */
function blind({ sent: tokens, ...rest }: Exchange): Exchange {
  return { ...rest, sent: tokens.map(each => (typeof each === 'string' ? each : [0, each[1]])) }
}

function record({ boundary, parts }: Shape, { sent: tokens, isChunked, hasError }: Exchange, index: number, own = boundary(index)) {
  const body = bodyOf(tokens, own, boundary(1000))
  const micros = EPOCH_MICROS + index * 7_000_001
  const at = new Date(Math.floor(micros / 1000)).toISOString()
  const time = `22/Nov/2026:${at.slice(11, 19)}.${String(micros % 1_000_000).padStart(6, '0')} +0000`
  const id = `true-id-${index}`
  const framing = isChunked ? 'Transfer-Encoding: chunked\n' : `Content-Length: ${body.length}\n`
  const aLine = `[${time}] ${id} 192.0.2.1 1000 127.0.0.1 80`
  const text = parts({ boundary: own, id, aLine, body, framing, micros, hasError })
  return { text: text.slice(0, -1), isTampered: body.includes(own) }
}

function check(found: readonly Piece[], records: readonly { text: string; isTampered: boolean }[]) {
  const full = found.filter(piece => piece.kind === 'entry' && piece.trust === 'full').map(piece => ('text' in piece ? piece.text : ''))
  const written = records.map(({ text }) => text)
  for (const text of full) assert.ok(written.includes(text), 'something that no server wrote came out')
  const untouched = records.filter(({ isTampered }) => !isTampered).map(({ text }) => text)
  assert.deepEqual(
    full.filter(text => untouched.includes(text)),
    untouched,
  )
}

for (const shape of SHAPES) {
  test(`no body brings a forged ${shape.name} entry in, read as a backlog`, () => {
    fc.assert(
      fc.property(fc.array(exchange, { minLength: 1, maxLength: 6 }), exchanges => {
        const records = exchanges.map((each, index) => record(shape, each as Exchange, index))
        const splitter = createSplitter({ offset: 0 })
        check([...splitter.push(Buffer.from(records.map(({ text }) => `${text}\n`).join(''), 'latin1')), ...splitter.finish()], records)
      }),
      { numRuns: 2000, seed: 11 },
    )
  })

  test(`no body brings a forged ${shape.name} entry in, read live`, () => {
    fc.assert(
      fc.property(
        fc.array(exchange, { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }),
        (exchanges, sizes) => {
          const records = exchanges.map((each, index) => record(shape, each as Exchange, index))
          const splitter = createSplitter({ offset: 0 })
          const found: Piece[] = []
          records.forEach(({ text }, index) => {
            const bytes = Buffer.from(`${text}\n`, 'latin1')
            for (let at = 0, step = index; at < bytes.length; step += 1) {
              const size = sizes[step % sizes.length]!
              found.push(...splitter.push(bytes.subarray(at, at + size)))
              at += size
            }
            found.push(...splitter.settle())
            assert.ok(!splitter.isWaiting())
          })
          check([...found, ...splitter.finish()], records)
        },
      ),
      { numRuns: 1500, seed: 12 },
    )
  })

  // Who knows the boundary and whose entry is torn in the right place may bring one in: that needs a full disk at that moment.
  test(`no body without the true boundary brings a forged ${shape.name} entry in where entries are torn and boundaries repeat`, () => {
    const tear = fc.record({ at: fc.double({ min: 0.01, max: 0.99, noNaN: true }), isTorn: fc.boolean(), isGlued: fc.boolean() })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(exchange, tear), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 2, max: 9 }),
        (exchanges, boundaries) => {
          const log = exchanges.map(([each, { at, isTorn, isGlued }], index) => {
            const { text } = record(shape, blind(each as Exchange), index, shape.boundary(shape.name === 'v2' ? index % boundaries : index))
            return isTorn ? `${text.slice(0, text.length * at)}${isGlued ? '' : '\n'}` : `${text}\n`
          })
          const splitter = createSplitter({ offset: 0 })
          for (const piece of [...splitter.push(Buffer.from(log.join(''), 'latin1')), ...splitter.finish()])
            if (piece.kind === 'entry' && piece.trust === 'full') assert.equal(piece.text.split(' ')[3], '192.0.2.1')
        },
      ),
      { numRuns: 2000, seed: 13 },
    )
  })
}
