import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { mulberry32 } from '../../../../src/core/model/random.ts'
import { createRowSample, requestOf } from '../../../../src/core/model/train/row-sample.ts'
import type { HttpRequest } from '../../../../src/core/types.ts'
import { requestTo } from '../samples.ts'

const MEBIBYTE = 2 ** 20
const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map(code => String.fromCharCode(code)) })

test('gives requests back as they were', () => {
  const request = fc.record<HttpRequest>(
    {
      method: latin1,
      uri: latin1,
      protocol: latin1,
      headers: fc.array(fc.tuple(latin1, latin1)),
      body: fc.option(latin1, { nil: undefined }),
      site: latin1,
      knownHeaders: fc.constantFrom('all', 'few', 'none'),
      oddFraming: fc.boolean(),
    },
    { requiredKeys: ['method', 'uri', 'protocol', 'headers', 'body'], noNullPrototype: true },
  )
  fc.assert(
    fc.property(fc.array(request), requests => {
      const sample = createRowSample(mulberry32(1))
      requests.forEach((made, index) => void sample.offer(made, index % 5, index % 2 === 0))
      const chosen = sample.chosen()
      assert.deepEqual(chosen.map(requestOf), requests)
      assert.deepEqual(
        chosen.map(({ fold, counts }) => [fold, counts]),
        requests.map((_, index) => [index % 5, index % 2 === 0]),
      )
    }),
  )
})

test('of many requests it keeps 40,000, from everywhere and in their order', () => {
  const sample = createRowSample(mulberry32(1))
  const count = 120_000
  for (let index = 0; index < count; index++) sample.offer(requestTo(`/${index}`), 0, true)
  const places = sample.chosen().map(row => Number(requestOf(row).uri.slice(1)))
  assert.equal(places.length, 40_000)
  assert.ok(places.every((place, index) => index === 0 || place > places[index - 1]!))
  for (let third = 0; third < 3; third++) {
    const found = places.filter(place => Math.floor((3 * place) / count) === third).length
    assert.ok(Math.abs(found - places.length / 3) < 600, `${found} of the third ${third}`)
  }
})

test('of large requests it keeps as many as fit, from everywhere', () => {
  const sample = createRowSample(mulberry32(1))
  const body = 'x'.repeat(4 * MEBIBYTE)
  for (let index = 0; index < 60; index++) sample.offer(requestTo(`/${index}`, { body }), 0, true)
  const chosen = sample.chosen()
  const bytes = chosen.reduce((sum, { packed }) => sum + packed.length, 0)
  assert.ok(bytes > 120 * MEBIBYTE && bytes <= 128 * MEBIBYTE, `${bytes} bytes`)
  assert.ok(chosen.some(row => Number(requestOf(row).uri.slice(1)) > 40))
})
