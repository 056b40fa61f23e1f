import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Message, MOST_BYTES, messageName, readMessage, readName, writeMessage } from '../../../src/core/notification/message.ts'

const ID = '0b7c6f7e-4a6e-4b8e-9a44-6f9a3f0c2d11'
const block: Message = { kind: 'block', id: ID, at: 1000, event: 'address.blocked', fields: { ip: '192.0.2.1' } }

test('names sort as their numbers, and say number and kind', () => {
  const names = [7, 1_700_000_000_000_000, 8].map(number => messageName(number, block))
  assert.equal(names[0], '0000000000000007-block-0b7c6f7e.json')
  assert.deepEqual([...names].sort(), [names[0], names[2], names[1]])
  assert.deepEqual(readName(names[1]!), { number: 1_700_000_000_000_000, kind: 'block', at: 1_700_000_000_000 })
})

for (const name of [
  '',
  'x.json',
  '.0000000000000007-block-0b7c6f7e.json.new',
  '../0000000000000007-block-0b7c6f7e.json',
  '7-block-0b7c6f7e.json',
]) {
  test(`'${name}' is no message`, () => assert.equal(readName(name), undefined))
}

test('a message reads back as it was written, whatever its fields, and is never longer than its bound', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), fc.integer({ min: 0, max: 20_000 }), (fields, more) => {
      const text = writeMessage({ ...block, fields: { ...fields, ip: '192.0.2.1', long: 'x'.repeat(more) } })
      assert.ok(Buffer.byteLength(text) <= MOST_BYTES)
      const read = readMessage(text)
      assert.ok(read.ok && read.value.kind === 'block')
      if (!('left_out' in read.value.fields)) assert.equal((read.value.fields.long as string).length, more)
    }),
  )
})

test('what is too long loses its long fields first, and says so', () => {
  const read = readMessage(writeMessage({ ...block, fields: { problems: Array(50).fill('x'.repeat(256)), ip: '192.0.2.1' } }))
  assert.deepEqual(read.ok && 'fields' in read.value && read.value.fields, { ip: '192.0.2.1', left_out: 1 })
})

const wrong = [
  '',
  '{',
  'null',
  '[]',
  JSON.stringify({ ...block, kind: 'party' }),
  JSON.stringify({ ...block, id: '../x' }),
  JSON.stringify({ ...block, at: -1 }),
  JSON.stringify({ ...block, at: '1' }),
  JSON.stringify({ ...block, fields: 1 }),
  JSON.stringify({ kind: 'dropped', id: ID, at: 1, since: 1, why: 'full', counts: { block: -1 } }),
  JSON.stringify({ kind: 'dropped', id: ID, at: 1, since: 1, why: 'bored', counts: {} }),
  JSON.stringify({ kind: 'question', id: ID, at: 1, ip: 5, domains: [] }),
]
for (const text of wrong) test(`refuses ${text}`, () => assert.equal(readMessage(text).ok, false))
