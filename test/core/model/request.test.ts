import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { toHttpRequest } from '../../../src/core/model/request.ts'
import type { HttpRequest } from '../../../src/core/types.ts'

function read(input: unknown): HttpRequest {
  const request = toHttpRequest(input)
  if (!request.ok) throw new Error(request.problem)
  return request.value
}

for (const { name, input, expected } of [
  { name: 'the address alone', input: { uri: '/' }, expected: { method: 'GET', uri: '/', headers: [], body: undefined } },
  { name: 'a query of its own', input: { uri: '/a', query_string: 'b=1' }, expected: { uri: '/a?b=1' } },
  { name: 'a query that the address holds already', input: { uri: '/a?b=1', query_string: 'b=1' }, expected: { uri: '/a?b=1' } },
  { name: 'null for what is not there', input: { uri: '/', method: null, headers: null, request_body: null }, expected: { method: 'GET' } },
  { name: 'a body', input: { uri: '/', method: 'POST', request_body: 'é' }, expected: { method: 'POST', body: 'Ã©' } },
  { name: 'an empty list of headers', input: { uri: '/', headers: [] }, expected: { headers: [] } },
  { name: 'text as its bytes', input: { uri: '/ü', headers: {} }, expected: { uri: '/Ã¼' } },
  { name: 'a host beside the headers', input: { uri: '/', host: 'a.org' }, expected: { headers: [['Host', 'a.org']] } },
  {
    name: 'the host header first of all',
    input: { uri: '/', host: 'a.org', headers: { HOST: 'b.org' } },
    expected: { headers: [['HOST', 'b.org']] },
  },
  {
    name: 'a header that came twice',
    input: { uri: '/', headers: { A: ['1', 2] } },
    expected: {
      headers: [
        ['A', '1'],
        ['A', '2'],
      ],
    },
  },
  {
    name: 'objects in place of a value',
    input: { uri: '/', headers: { A: { toString: 1, valueOf: 1 }, B: [[['x']]], C: null } },
    expected: {
      headers: [
        ['A', ''],
        ['B', ''],
        ['C', 'null'],
      ],
    },
  },
]) {
  test(`reads ${name}`, () => {
    const found: Partial<HttpRequest> = read(input)
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(found[key as keyof HttpRequest], value, key)
  })
}

for (const input of [
  undefined,
  null,
  1,
  '/',
  [],
  {},
  { uri: 1 },
  { uri: null },
  { uri: '/', headers: 'x' },
  { uri: '/', headers: [['Host', 'a.org']] },
  { uri: '/', request_body: {} },
]) {
  test(`refuses ${JSON.stringify(input)} and says what a request looks like`, () => {
    const request = toHttpRequest(input)
    assert.ok(!request.ok)
    assert.match(request.problem, /^must be a request such as/)
  })
}

test('whatever JSON comes is a request or a problem, never a throw', () => {
  const input = fc.oneof(
    fc.jsonValue(),
    fc.record({
      uri: fc.string({ unit: 'binary' }),
      headers: fc.dictionary(fc.constantFrom('__proto__', 'Host', 'toString', 'A'), fc.jsonValue()),
    }),
  )
  fc.assert(fc.property(input, value => typeof toHttpRequest(JSON.parse(JSON.stringify(value))).ok === 'boolean'))
})
