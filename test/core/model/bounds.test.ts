import assert from 'node:assert/strict'
import { test } from 'node:test'
import { boundRequest, MOST, withoutMiddle } from '../../../src/core/model/fields/bounds.ts'
import { fieldsOf } from '../../../src/core/model/fields/fields.ts'
import type { HttpRequest } from '../../../src/core/types.ts'

const MEGABYTES = 16 * 2 ** 20
const plain: HttpRequest = { method: 'POST', uri: '/', protocol: 'HTTP/1.1', headers: [['Host', 'a.example']], body: 'a=1' }
const json = { headers: [['Content-Type', 'application/json']] as const }

test('leaves an ordinary request as it is', () => {
  const bounded = boundRequest(plain)
  assert.equal(bounded.request, plain)
  assert.equal(bounded.leftOut, 0)
})

const hostile: [name: string, request: Partial<HttpRequest>][] = [
  ['a long body', { body: 'x'.repeat(MEGABYTES) }],
  ['a body of signs that decode to signs', { body: '%25'.repeat(MEGABYTES / 3) }],
  ['a body of &', { body: '&'.repeat(4e6) }],
  ['many arguments', { body: 'a=1&'.repeat(4e6) }],
  ['deep JSON', { ...json, body: '['.repeat(MEGABYTES) }],
  ['JSON of many numbers', { ...json, body: `[${'1,'.repeat(4e6)}1]` }],
  ['a long address', { uri: `/${'a'.repeat(MEGABYTES)}` }],
  ['a long method', { method: 'P'.repeat(MEGABYTES) }],
  ['a long host', { headers: [['Host', 'a'.repeat(MEGABYTES)]] }],
  ['a long site', { site: 'a'.repeat(MEGABYTES) }],
  ['a long name', { headers: [['a'.repeat(MEGABYTES), 'b']] }],
  ['many headers', { headers: Array.from({ length: 100_000 }, (_, index) => [`X-${index}`, 'v'] as const) }],
  ['many long headers', { headers: Array.from({ length: 500 }, (_, index) => [`X-${index}`, 'v'.repeat(8000)] as const) }],
  ['many cookies', { headers: [['Cookie', 'a=b;'.repeat(100_000)]] }],
]

for (const [name, part] of hostile)
  test(`looks at a bounded part of ${name}, and says how much is left out`, () => {
    const { fields, leftOut, headerNames, methodAndType } = fieldsOf({ ...plain, ...part })
    const looked = fields.reduce((sum, { key, value }) => sum + key.length + value.length, headerNames.length + methodAndType.length)
    assert.ok(looked < 2 * MOST.body, `looks at ${looked} characters`)
    assert.ok(fields.length < 12_000, `${fields.length} fields`)
    assert.ok(leftOut > 0)
  })

test('keeps beginning and end of what is too long', () => {
  assert.equal(withoutMiddle('abcdefg', 4), 'abfg')
  assert.equal(withoutMiddle('abcd', 4), 'abcd')
  const { fields } = fieldsOf({ ...plain, body: `a=<first>${'x'.repeat(MEGABYTES)}<last>` })
  const value = fields.find(({ key }) => key === 'a')!.value
  assert.ok(value.startsWith('<first>') && value.endsWith('<last>'))
})

test('a header goes unseen behind no number of others', () => {
  for (const many of [999, 1000, 5000]) {
    const headers = [...Array.from({ length: many }, () => ['A', 'b'] as const), ['Cookie', 'c=<script>'] as const]
    const { fields } = fieldsOf({ ...plain, headers })
    assert.ok(
      fields.some(({ value }) => value.includes('<script>')),
      `${many}`,
    )
    assert.ok(fields.length < 1100)
  }
})

test('reads JSON leaves up to a number, and the rest as one value', () => {
  const { fields } = fieldsOf({ ...plain, ...json, body: `{"a":[${'1,'.repeat(5000)}"<script>"]}` })
  assert.ok(fields.some(({ value }) => value.includes('<script>')))
  assert.ok(fields.length < 10_000)
})
