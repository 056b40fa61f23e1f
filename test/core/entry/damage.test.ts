import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseEntry } from '../../../src/core/entry/parse.ts'
import { createSplitter, type Piece } from '../../../src/core/entry/split.ts'
import { auditLog, SERIAL, truths, WORSTCASE } from './corpus.ts'

const UTC = { localOffsetMinutes: () => 0 }

function pieces(log: string): Piece[] {
  const splitter = createSplitter({ offset: 0 })
  return [...splitter.push(Buffer.from(log, 'latin1')), ...splitter.finish()]
}

const textOf = (piece: Piece) => (piece.kind === 'entry' ? piece.text : '')

// What a full disk, a crash or a copy leaves behind an entry that it cut at `at` (0 to 1 of its length).
const damage = fc.record({
  kind: fc.constantFrom('whole', 'whole', 'whole', 'glued', 'torn', 'zeroed', 'garbage', 'noise'),
  at: fc.double({ min: 0.01, max: 0.98, noNaN: true }),
})

function apply(text: string, { kind, at }: { kind: string; at: number }): string {
  const cut = text.slice(0, Math.max(1, Math.floor(text.length * at)))
  if (kind === 'glued') return cut
  if (kind === 'torn') return `${cut}\n`
  if (kind === 'zeroed') return `${cut}${'\0'.repeat(700)}`
  if (kind === 'garbage') return `${text}\nsegfault at 0 ip 00007f\n`
  if (kind === 'noise') return `\x00\xff\xfe\r\n${text}\n`
  return `${text}\n`
}

for (const name of SERIAL) {
  const bytes = auditLog(name)
  const written = truths(name)
    .slice(0, 60)
    .map(({ offset, length }) => bytes.toString('latin1', offset, offset + length).trimEnd())
  const isJson = name.includes('json')

  test(`a damaged ${name} loses nothing that is whole and makes nothing up`, () => {
    fc.assert(
      fc.property(fc.array(damage, { minLength: written.length, maxLength: written.length }), damages => {
        const log = written.map((text, index) => apply(text, damages[index]!)).join('')
        const found = pieces(log)
        const whole = written.filter((_, index) => !['glued', 'torn', 'zeroed'].includes(damages[index]!.kind))
        const given = new Set(found.map(piece => textOf(piece).trimEnd()))
        for (const text of whole) assert.ok(given.has(text), `lost: ${JSON.stringify(text.slice(0, 80))}`)
        for (const piece of found) {
          if (piece.kind !== 'entry' || piece.trust === 'low') continue
          assert.ok(isJson || whole.includes(piece.text.trimEnd()), `made up: ${JSON.stringify(piece.text.slice(0, 80))}`)
        }
      }),
      { numRuns: 60, seed: 5 },
    )
  })
}

for (const name of [...SERIAL, ...WORSTCASE]) {
  const log = auditLog(name).toString('latin1').slice(0, 120_000)
  test(`no mutation of ${name} makes anything throw or lets pieces overlap`, () => {
    const mutation = fc.tuple(
      fc.nat(log.length - 1),
      fc.nat(400),
      fc.oneof(fc.string({ unit: 'binary-ascii', maxLength: 30 }), fc.constantFrom('\n', '\0', '"', '\\', '{', '--')),
    )
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 30 }), mutations => {
        let mutated = log
        for (const [at, length, text] of mutations) mutated = mutated.slice(0, at) + text + mutated.slice(at + length)
        let end = 0
        for (const piece of pieces(mutated)) {
          assert.ok(piece.start >= end && piece.end > piece.start && piece.end <= mutated.length)
          end = piece.end
          if (piece.kind === 'entry') parseEntry(piece, UTC)
        }
      }),
      { numRuns: 25, seed: 3 },
    )
  })
}

test('parseEntry answers for any text in any format', () => {
  const formats = [
    'v3-json',
    'v2-json',
    'v3-native',
    'v2-native',
    'coraza-json',
    'coraza-json-legacy',
    'coraza-native',
    'index-line',
  ] as const
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string({ unit: 'binary-ascii', maxLength: 300 })), fc.constantFrom(...formats), (text, format) => {
      const parsed = parseEntry({ text, format }, UTC)
      assert.ok(!parsed.ok && parsed.problem.length < 100)
    }),
    { numRuns: 2000, seed: 4 },
  )
})

test('headings without end cost the same a byte however many they are', () => {
  const forged = `--00000001-A--\n[22/Nov/2026:09:56:30 +0000] x 192.0.2.1 1 127.0.0.1 80\n--00000001-C--\n`
  const cost = (count: number) => {
    const before = process.cpuUsage()
    pieces(
      forged + Array.from({ length: count }, (_, index) => forged.replaceAll('00000001', index.toString(16).padStart(8, '0'))).join(''),
    )
    const { user, system } = process.cpuUsage(before)
    return user + system
  }
  cost(4000)
  assert.ok(cost(40_000) < 10 * Math.max(cost(10_000), 4000))
})
