import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { asciiLower, decode, utf8 } from '../../../../src/core/model/fields/decode.ts'

for (const { text, plus = false, expected } of [
  { text: 'plain text', expected: 'plain text' },
  { text: 'a+b', expected: 'a+b' },
  { text: 'a+b', plus: true, expected: 'a b' },
  { text: 'a%2Bb', plus: true, expected: 'a+b' },
  { text: '%3Cscript%3E', expected: '<script>' },
  { text: '%3cscript%3e', expected: '<script>' },
  { text: '%253C', expected: '<' },
  { text: '%25253C', expected: '<' },
  { text: '%u003c\\u003c\\x3c', expected: '<<<' },
  { text: '&lt;&#60;&#x3c;&#x3C;&amp;lt;', expected: '<<<<<' },
  { text: '&lt&quot', expected: '<"' },
  { text: '%26lt%3B', expected: '<' },
  { text: '%u20ac', expected: '\xe2\x82\xac' },
  { text: '&#8364;', expected: '\xe2\x82\xac' },
  { text: '&#x1f600;', expected: '\xf0\x9f\x98\x80' },
  { text: '&#x110000;', expected: '?' },
  { text: '%', expected: '%' },
  { text: '%3', expected: '%3' },
  { text: '%3g%zz', expected: '%3g%zz' },
  { text: '\\x3', expected: '\\x3' },
  { text: '%00', expected: '\0' },
  { text: '%C0%AE', expected: '\xc0\xae' },
]) {
  test(`decodes ${text}${plus ? ' of a form' : ''}`, () => assert.equal(decode(text, plus), expected))
}

const sign = fc.oneof(
  fc.constantFrom('%', '2', '5', '3', 'C', 'u', '\\', 'x', '&', '#', ';', 'lt', 'amp', '+'),
  fc.string({ maxLength: 3 }),
)
const encoded = fc.array(sign, { maxLength: 60 }).map(parts => parts.join('').replace(/[^\x00-\xff]/g, ''))

test('what nothing is encoded in stays, and four encodings come off', () => {
  const layers = [
    (text: string) => text.replace(/[^a-z]/g, character => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`),
    (text: string) => text.replace(/[^a-z]/g, character => `&#${character.charCodeAt(0)};`),
    (text: string) => text.replace(/[^a-z]/g, character => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`),
    (text: string) => text.replace(/[^a-z]/g, character => `%u00${character.charCodeAt(0).toString(16).padStart(2, '0')}`),
  ]
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', 'b', ' ', '<', "'", '.', '/'), maxLength: 30 }),
      fc.array(fc.nat(3), { maxLength: 4 }),
      (text, used) => {
        assert.equal(
          decode(
            used.reduce((inner, layer) => layers[layer]!(inner), text),
            false,
          ),
          text,
        )
      },
    ),
  )
})

test('whatever comes has one character a byte and no more than it had', () => {
  fc.assert(
    fc.property(encoded, fc.boolean(), (text, plus) => {
      const decoded = decode(text, plus)
      assert.ok(decoded.length <= text.length && /^[\x00-\xff]*$/.test(decoded), JSON.stringify(decoded))
    }),
  )
})

for (const unit of ['%25', '%', '%2525', '&', '&#', '&amp;', '&amp', '\\', '\\x5c', '%u0025', '&#x26;', '%5cx', '+']) {
  test(`1 MB of ${unit} is decoded in a time that grows with its length`, () => {
    const started = process.cpuUsage()
    decode(unit.repeat(2 ** 20 / unit.length), true)
    assert.ok(process.cpuUsage(started).user < 3e6)
  })
}

test('lower case is for A to Z only, and a code point becomes its UTF-8 bytes', () => {
  assert.equal(asciiLower('AbZ\xc4\xd6Q'), 'abz\xc4\xd6q')
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0x10ffff }), code => {
      if (code < 0xd800 || code > 0xdfff) assert.equal(utf8(code), Buffer.from(String.fromCodePoint(code)).toString('latin1'))
    }),
  )
})
