// What was made fast gives what the plain way gives.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createMeasure } from '../../../src/core/model/features.ts'
import { decode } from '../../../src/core/model/fields/decode.ts'
import { ARGUMENT, fieldsOf } from '../../../src/core/model/fields/fields.ts'
import { SYMBOLS, shapeOf } from '../../../src/core/model/fields/shape.ts'
import { createOutlineMemo } from '../../../src/core/model/profile/outline-memo.ts'
import { findContext, type Profile, type SequenceTable } from '../../../src/core/model/profile/profile.ts'
import { sequenceBits } from '../../../src/core/model/profile/sequences.ts'
import { mulberry32 } from '../../../src/core/model/random.ts'
import type { HttpRequest } from '../../../src/core/types.ts'
import { profileOf, requestTo } from './samples.ts'

const PIECES = ['a', 'Z', '7', '12', ' ', '+', '%20', '%', '%2', '%2B', '%252B', '%u0041', '%26lt;', '&', '&lt;', '\\', '\\x41', '%5Cx41']
const SIGNS = ['a', 'bc', '1', '23', ' ', '<', '>', "'", '"', ';', '/', '.', '=', '-', '(', ')', '\xe9', '\n', '{', '}', '%']
const text = (pieces: readonly string[], maxLength: number) =>
  fc.array(fc.constantFrom(...pieces), { maxLength }).map(found => found.join(''))

/** The decoder as a list of replacements, round by round. */
function plainDecode(encoded: string, plus: boolean): string {
  let now = plus ? encoded.replaceAll('+', ' ') : encoded
  for (let round = 0; round < 4; round++) {
    const hex = (_: string, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))
    now = now.replace(/(?:%u|\\u)00([0-9a-fA-F]{2})/g, hex).replace(/%([0-9a-fA-F]{2})/g, hex)
    now = now.replace(/\\x([0-9a-fA-F]{2})/g, hex).replace(/&lt;?/g, '<')
  }
  return now
}

test('decodes as one replacement after the other does', () => {
  fc.assert(
    fc.property(text(PIECES, 12), fc.boolean(), (encoded, plus) => assert.equal(decode(encoded, plus), plainDecode(encoded, plus))),
    { numRuns: 2000 },
  )
})

test('names an argument in lower case, numbers as 0, and no longer than 64 characters', () => {
  fc.assert(
    fc.property(text(['a', 'B', 'xyz', '1', '20', '_', '\xc9', 'LONG-NAME-'], 30), name => {
      const { fields } = fieldsOf(requestTo(`/?${name}=1`))
      const plain = name.replace(/[A-Z]+/g, letters => letters.toLowerCase()).replace(/[0-9]+/g, '0')
      if (name !== '') assert.equal(fields.find(({ group }) => group === ARGUMENT)?.key, plain.slice(0, 64))
    }),
    { numRuns: 500 },
  )
})

const known = Array.from(
  { length: 40 },
  (_, index): HttpRequest =>
    requestTo(`/list?id=${index}&q=some+words,+and+more&d=2026-01-${index}&t=<b>${index}</b>`, { headers: [['Host', 'a.example']] }),
)
const profile = profileOf(known)
const name = fc.constantFrom('id', 'q', 'd', 't', 'new')
const request = fc.array(fc.tuple(name, text(SIGNS, 10)), { maxLength: 8 }).map(pairs =>
  requestTo(`/list?${pairs.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join('&')}`, {
    headers: [['Host', pairs.length % 2 === 0 ? 'a.example' : 'b.example']],
  }),
)

test('what was measured before changes no row', () => {
  const seasoned = createMeasure(profile)
  fc.assert(
    fc.property(request, fc.boolean(), (one, isLarge) => {
      // Of so many fields no value is remembered, only outlines.
      const padding = isLarge ? Array.from({ length: 120 }, (_, index) => `&p${index % 7}=${'ab1-'.repeat(index % 5)}`).join('') : ''
      const fields = fieldsOf({ ...one, uri: one.uri + padding })
      assert.deepEqual(seasoned(fields), createMeasure(profile)(fields))
    }),
    { numRuns: 300 },
  )
})

test('outlines are told apart by what they are and by whose they are', () => {
  const random = mulberry32(1)
  const below = (limit: number) => Math.floor(random() * limit)
  const memo = createOutlineMemo<string>()
  let found = 0
  for (let round = 0; round < 60_000; round++) {
    const value = Array.from({ length: below(3) }, () => SIGNS[below(2)]).join('')
    const ids = { anywhere: 0, atHost: 0, atTemplate: 0, [(['anywhere', 'atHost', 'atTemplate'] as const)[below(3)]!]: below(400) - 1 }
    const group = below(2)
    const shape = shapeOf(value)
    const whose = [group, ids.anywhere, ids.atHost, ids.atTemplate, ...shape.symbols.subarray(0, shape.length)].join()
    const known = memo.get(shape, group, ids)
    if (known !== undefined) assert.equal(known, whose)
    if (known !== undefined) found++
    else memo.set(shape, group, ids, whose)
  }
  assert.ok(found > 1000, `${found} found`)
})

/** The names that have contexts, by id. */
const { contextStart } = profile.anywhereSequences
const IDS = [...contextStart.keys()].filter(id => contextStart[id + 1]! - contextStart[id]! > 2)
assert.ok(IDS.length > 1)

/** Each window multiplied anew, each context searched for. */
function plainBits({ groupSequences, anywhereSequences }: Profile, id: number, value: string) {
  const { symbols, length } = shapeOf(value)
  const general: number[] = []
  const own: number[] = []
  let [a, b, d] = [0, 0, 0]
  for (const s of [...symbols.subarray(0, length), 0]) {
    const row = groupSequences.row[ARGUMENT * SYMBOLS ** 3 + (a * SYMBOLS + b) * SYMBOLS + d]!
    general.push(groupSequences.chance[row * SYMBOLS + s]!)
    own.push(smoothed(anywhereSequences, id, b * SYMBOLS + d, s, general.at(-1)!))
    ;[a, b, d] = [b, d, s]
  }
  const worst = (chances: readonly number[]) => {
    const windows = chances.map((_, at) => chances.slice(Math.max(0, at - 7), at + 1).reduce((product, chance) => product * chance, 1))
    return -Math.log2(Math.min(1, ...windows))
  }
  return { window: worst(general), keyWindow: worst(own), single: -Math.log2(Math.min(1, ...own)) }
}

function smoothed(table: SequenceTable, key: number, context: number, symbol: number, below: number): number {
  const place = findContext(table, key, context)
  if (place < 0) return below
  const next = [...table.nextSymbol.subarray(table.nextStart[place], table.nextStart[place + 1])]
  const at = next.indexOf(symbol)
  const count = at < 0 ? 0 : table.nextCount[table.nextStart[place]! + at]!
  return (count + next.length * below) / (table.total[place]! + next.length)
}

test('the worst window of short and long values is that of all windows', () => {
  fc.assert(
    fc.property(text(SIGNS, 10), fc.integer({ min: 1, max: 300 }), text(SIGNS, 10), fc.constantFrom(...IDS), (unit, times, end, id) => {
      const value = unit.repeat(times) + end
      const found = sequenceBits(profile, ARGUMENT, { anywhere: id, atHost: -1 }, shapeOf(value))
      const plain = plainBits(profile, id, value)
      for (const key of ['window', 'keyWindow', 'single'] as const)
        assert.ok(Math.abs(found[key] - plain[key]) < 1e-9, `${key} of ${value}`)
    }),
    { numRuns: 300 },
  )
})
