import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FEATURES, measure, plainValue } from '../../../src/core/model/features.ts'
import type { HttpRequest } from '../../../src/core/types.ts'
import { requestTo } from './samples.ts'

type Named = Partial<Record<(typeof FEATURES)[number]['name'], number>>

/** Every feature by its name, as a person would count it. */
function counted(request: HttpRequest): Record<string, number> {
  const row = measure(request)
  return Object.fromEntries(FEATURES.map(({ name }, index) => [name, plainValue(index, row[index]!)]))
}

const cases: { name: string; request: HttpRequest; expected: Named }[] = [
  { name: 'nothing but /', request: requestTo('/'), expected: { uri_length: 1, slashes: 1, query_length: 0, entropy: 0, header_count: 0 } },
  { name: 'an empty address', request: requestTo(''), expected: { uri_length: 0, slashes: 0, entropy: 0 } },
  {
    name: 'a query',
    request: requestTo('/a/b.php?x=1&y=%2e%2E?'),
    expected: { uri_length: 22, query_length: 13, slashes: 2, dots: 1, question_marks: 2, ampersands: 1, percent_signs: 2 },
  },
  { name: 'a ? at the end', request: requestTo('/a?'), expected: { query_length: 0, question_marks: 1 } },
  { name: 'four bytes alike often, 2 bits', request: requestTo('abcdabcd'), expected: { entropy: 2 } },
  { name: 'quotes and brackets as they are', request: requestTo(`/<>"'`), expected: { special_characters: 4 } },
  { name: 'quotes and brackets encoded', request: requestTo('/%3c%3C%3e%3E%22%27'), expected: { special_characters: 6, percent_signs: 6 } },
  { name: 'broken encodings', request: requestTo('/%%3%3g%g3%'), expected: { special_characters: 0, percent_signs: 5 } },
  { name: 'an encoding cut off', request: requestTo('/%3'), expected: { special_characters: 0 } },
  { name: 'SQL words', request: requestTo('/?q=UNION+SeLeCt&deleted'), expected: { sql_keywords: 3 } },
  { name: 'a second look at SQL words', request: requestTo('/union'), expected: { sql_keywords: 1 } },
  { name: 'GET', request: requestTo('/'), expected: { writes: 0 } },
  { name: 'POST with a body', request: requestTo('/', { method: 'POST', body: 'a=1' }), expected: { writes: 1, body_length: 3 } },
  { name: 'PUT', request: requestTo('/', { method: 'PUT' }), expected: { writes: 1 } },
  { name: 'DELETE', request: requestTo('/', { method: 'DELETE' }), expected: { writes: 1 } },
  { name: 'a method that merely resembles', request: requestTo('/', { method: 'post' }), expected: { writes: 0 } },
  {
    name: 'headers by name, however written',
    request: requestTo('/', {
      headers: [
        ['uSER-aGENT', 'curl'],
        ['CONTENT-length', '1234'],
        ['X', ''],
      ],
    }),
    expected: { header_count: 3, user_agent_length: 4, content_length: 1234 },
  },
  ...['-5', '1e9', '0x10', '', ' 7', '9'.repeat(400), 'NaN'].map(value => ({
    name: `a content length of ${value.slice(0, 20)}, which is none`,
    request: requestTo('/', { headers: [['Content-Length', value] as const] }),
    expected: { content_length: 0 },
  })),
]
for (const { name, request, expected } of cases) {
  test(`measures ${name}`, () => {
    const found = counted(request)
    for (const [feature, value] of Object.entries(expected)) assert.equal(found[feature], value, feature)
  })
}

test('what the log lacks counts as absent', () => {
  const row = measure(requestTo('/', { headers: [], body: undefined }))
  assert.deepEqual([...row], [...measure(requestTo('/', { headers: [], body: '' }))])
  assert.equal(row.length, FEATURES.length)
})

test('every measure of whatever text is a finite number that is not negative', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({ unit: fc.constantFrom('%', '3', 'c', '?', '&', '\0', 'ÿ') }),
  )
  const request = fc.record({
    method: text,
    uri: text,
    protocol: text,
    headers: fc.array(fc.tuple(fc.oneof(text, fc.constantFrom('Content-Length', 'User-Agent', '__proto__')), text)),
    body: fc.option(text, { nil: undefined }),
  })
  fc.assert(fc.property(request, input => measure(input).every(value => Number.isFinite(value) && value >= 0)))
})

test('16 MiB of address and of body are measured in a moment, with their lengths in full', () => {
  const size = 16 * 1024 * 1024
  const started = performance.now()
  const found = counted(requestTo(`/?${'%27'.repeat(size / 3)}`, { body: 'x'.repeat(size) }))
  assert.ok(performance.now() - started < 1000)
  assert.deepEqual([found.uri_length, found.body_length], [2 + 3 * Math.floor(size / 3), size])
})
