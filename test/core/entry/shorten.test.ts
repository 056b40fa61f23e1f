import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseEntry } from '../../../src/core/entry/parse.ts'
import { createShortener } from '../../../src/core/entry/shorten.ts'
import { createSplitter } from '../../../src/core/entry/split.ts'

const piece = fc.constantFrom(
  'a',
  '"',
  '\\',
  '\u0001',
  '\n',
  '{',
  '}',
  ',',
  ':',
  '","client_ip":"203.0.113.99',
  '\u00e9',
  'u0041',
  '\\u0041',
)
const string = fc.array(piece, { maxLength: 60 }).map(parts => parts.join(''))
const value = fc.array(fc.tuple(string, string), { minLength: 1, maxLength: 6 })

function shorten(text: string, sizes: readonly number[], longestString: number): string | undefined {
  const shortener = createShortener({ longestString, maxBytes: 1e6 })
  const bytes = Buffer.from(text, 'latin1')
  for (let from = 0, step = 0; from < bytes.length; step += 1) {
    const to = Math.min(bytes.length, from + sizes[step % sizes.length]!)
    shortener.push(bytes, from, to)
    from = to
  }
  return shortener.text()
}

test('a shortened line is the same JSON with shorter strings, however it comes', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(value, sizes, fc.integer({ min: 1, max: 80 }), (pairs, chunks, longest) => {
      const shortened = JSON.parse(shorten(JSON.stringify(pairs), chunks, longest)!) as [string, string][]
      assert.equal(shortened.length, pairs.length)
      for (const [index, pair] of shortened.entries())
        for (const [at, text] of pair.entries()) {
          const whole = pairs[index]![at]!
          assert.ok(whole.startsWith(text))
          const written = JSON.stringify(text).length - 2
          assert.ok(written < longest + '\\u0001'.length)
          // No more is cut away than must be.
          if (text !== whole) assert.ok(JSON.stringify(whole.slice(0, text.length + 1)).length - 2 > longest)
        }
    }),
    { numRuns: 500 },
  )
})

test('what is still too long is given up', () => {
  const shortener = createShortener({ longestString: 10, maxBytes: 100 })
  const bytes = Buffer.from(JSON.stringify(Array.from({ length: 30 }, () => 'abc')))
  shortener.push(bytes, 0, bytes.length)
  assert.equal(shortener.text(), undefined)
})

for (const [name, body] of [
  ['control characters', '\u0001'.repeat(3_000_000)],
  ['backslashes', '\\'.repeat(9_000_000)],
  ['quotes and what looks like the rest', '","headers":{"X":"y"}},"client_ip":"203.0.113.99","messages":[{"'.repeat(300_000)],
] as const)
  test(`a request with megabytes of ${name} does not go uncounted`, () => {
    const transaction = {
      ...{ client_ip: '192.0.2.1', time_stamp: 'Sun Nov 22 09:57:15 2026', client_port: 1, unique_id: 'x' },
      request: { method: 'POST', http_version: 1.1, uri: '/evil', body, headers: { Host: 'shop.example' } },
      response: { http_code: 403, headers: {} },
      producer: { secrules_engine: 'Enabled' },
      messages: [{ message: 'evil', details: { ruleId: '942100', data: body } }],
    }
    const log = Buffer.from(`${JSON.stringify({ transaction })}\n`)
    const splitter = createSplitter({ offset: 0 })
    const pieces = []
    for (let at = 0; at < log.length; at += 262_144) pieces.push(...splitter.push(log.subarray(at, at + 262_144)))
    assert.deepEqual(
      pieces.map(({ kind, start, end }) => ({ kind, start, end })),
      [{ kind: 'entry', start: 0, end: log.length }],
    )
    const parsed = parseEntry(pieces[0] as { text: string; format: 'v3-json' }, { localOffsetMinutes: () => 0 })
    assert.ok(parsed.ok)
    const { ip, request, status, intercepted, matches } = parsed.value
    assert.deepEqual([ip, request?.uri, request?.headers, status], ['192.0.2.1', '/evil', [['Host', 'shop.example']], 403])
    assert.deepEqual([intercepted, matches.map(({ id }) => id)], [true, ['942100']])
    assert.ok(body.startsWith(request!.body!) && request!.body!.length >= 80_000)
  })
