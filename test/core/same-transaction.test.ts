import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLocalOffset } from '../../src/core/entry/time.ts'
import { sameTransaction } from '../../src/core/same-transaction.ts'
import { v3Entry } from '../entries.ts'

const context = { localOffsetMinutes: createLocalOffset() }
const known = {
  transaction_id: 'a1',
  address: '192.0.2.1',
  method: 'POST',
  host: 'shop.example',
  path: '/search',
  argument_names: 'q page',
}
const entry = { ip: '192.0.2.1', id: 'a1', method: 'POST', uri: '/search?q=x&page=2' }

const others = [
  { name: 'another id', entry: { ...entry, id: 'a2' } },
  { name: 'another address', entry: { ...entry, ip: '192.0.2.2' } },
  { name: 'another method', entry: { ...entry, method: 'GET' } },
  { name: 'another host', entry: { ...entry, headers: { Host: 'other.example' } } },
  { name: 'another path', entry: { ...entry, uri: '/searches?q=x&page=2' } },
  { name: 'other arguments', entry: { ...entry, uri: '/search?q=x&pages=2' } },
]
for (const { name, entry } of others)
  test(`an entry with ${name} is another transaction`, () =>
    assert.equal(sameTransaction({ text: v3Entry(entry), format: 'v3-json' }, known, context), undefined))

test('the same entry is the same transaction, and what is no entry is none', () => {
  assert.equal(sameTransaction({ text: v3Entry(entry), format: 'v3-json' }, known, context)?.request?.uri, '/search?q=x&page=2')
  assert.equal(sameTransaction({ text: '{"transaction":{', format: 'v3-json' }, known, context), undefined)
})
