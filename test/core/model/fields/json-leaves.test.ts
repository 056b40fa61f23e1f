import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readLeaves } from '../../../../src/core/model/fields/json-leaves.ts'

type Leaf = [key: string, value: string]
const latin1 = (text: string) => Buffer.from(text, 'utf8').toString('latin1')

/** The leaves of a text; undefined when it is no JSON. */
function jsonLeaves(text: string, most?: number): Leaf[] | undefined {
  const leaves: Leaf[] = []
  return readLeaves(text, (key, value) => void leaves.push([key, value]), most) ? leaves : undefined
}

/** The leaves of a parsed value, in their order. */
function leavesOf(value: unknown, key: string): Leaf[] {
  if (Array.isArray(value)) return value.flatMap(member => leavesOf(member, key))
  if (typeof value === 'object' && value !== null) return Object.entries(value).flatMap(([name, member]) => leavesOf(member, latin1(name)))
  return [[key, typeof value === 'string' ? latin1(value) : JSON.stringify(value)]]
}

// Whole numbers as keys change their places in a parsed object, and a number is kept as it stands: neither is compared.
const text = fc.string({ unit: 'grapheme', maxLength: 12 })
const tree = fc.letrec<{ tree: unknown }>(tie => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(
      text.map(key => `k${key}`),
      tie('tree'),
      { maxKeys: 4 },
    ),
  ),
})).tree

test('the leaves are those of JSON.parse, however it is indented', () => {
  fc.assert(
    fc.property(tree, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
      assert.deepEqual(jsonLeaves(latin1(JSON.stringify(value, null, indent))), leavesOf(value, ''))
    }),
  )
})

test('escapes of every character give its bytes', () => {
  const escaped = (value: string) =>
    Array.from({ length: value.length }, (_, at) => `\\u${value.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')
  fc.assert(fc.property(text, value => assert.deepEqual(jsonLeaves(`{"a":"${escaped(value)}"}`), [['a', latin1(value)]])))
})

test('what is JSON to JSON.parse is JSON here, and nothing else', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"',
    '1',
    '-',
    'true',
    'null',
    ' ',
    '\n',
    '\\',
    '\\n',
    '\\\\',
    'e5',
    '.',
    '\t',
    '\\u00e4',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 9 }), pieces => {
      const json = pieces.join('')
      let isJson = true
      try {
        JSON.parse(json)
      } catch {
        isJson = false
      }
      if (isJson) assert.notEqual(jsonLeaves(json), undefined, json)
      else if (!/-?0\d/.test(json)) assert.equal(jsonLeaves(json), undefined, json)
    }),
    { numRuns: 3000 },
  )
})

for (const { json, expected } of [
  {
    json: '{"a":1,"a":2}',
    expected: [
      ['a', '1'],
      ['a', '2'],
    ],
  },
  {
    json: '{"a":[{"b":"x"},"y"],"c":"z"}',
    expected: [
      ['b', 'x'],
      ['a', 'y'],
      ['c', 'z'],
    ],
  },
  { json: '{"__proto__":{"x":1}}', expected: [['x', '1']] },
  { json: '{}', expected: [] },
  { json: '[[],{}]', expected: [] },
  { json: '1.50e3', expected: [['', '1.50e3']] },
  { json: '"\\ud83d\\ude00"', expected: [['', '\xf0\x9f\x98\x80']] },
  { json: '{"a":1} x', expected: undefined },
  { json: '{"a":1,}', expected: undefined },
  { json: "{'a':1}", expected: undefined },
  { json: '', expected: undefined },
]) {
  test(`reads ${json}`, () => assert.deepEqual(jsonLeaves(json), expected))
}

test('deep nesting ends neither the stack nor the patience', () => {
  const started = process.cpuUsage()
  for (const deep of [
    `${'['.repeat(1e6)}`,
    `${'{"a":'.repeat(3e5)}1`,
    `"${'\\'.repeat(1e6)}`,
    `"${'\\"'.repeat(1e6)}"`,
    `[${'" ",'.repeat(3e5)}1]`,
  ])
    jsonLeaves(deep)
  assert.ok(process.cpuUsage(started).user < 4e6)
  assert.ok(jsonLeaves(`${'['.repeat(500)}1${']'.repeat(500)}`))
  assert.equal(jsonLeaves(`${'['.repeat(600)}1${']'.repeat(600)}`), undefined)
})
