import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explainRequest } from '../../../src/core/model/model.ts'
import type { HttpRequest } from '../../../src/core/types.ts'
import { modelOf, ordinaryRequests, requestTo, trainedModel } from './samples.ts'

const model = modelOf(trainedModel({ count: 3000 }))

function fromBrowser(uri: string, changes: Partial<HttpRequest> = {}): HttpRequest {
  return requestTo(uri, { headers: ordinaryRequests(1, 3)[0]!.headers, ...changes })
}

test('an explanation marks with points where it cut a value', () => {
  const reasons = explainRequest(model, fromBrowser(`/?q=${'x+'.repeat(100)}'+or+1=1--+${'y+'.repeat(100)}`))
  assert.ok(
    reasons.some(({ value }) => /^\.\.\.x .*' or 1=1--.* y\.\.\.$/.test(value)),
    JSON.stringify(reasons),
  )
})

const attack = "s3cr3tWord' or 1=1--"
const form = (body: string) => fromBrowser('/', { method: 'POST', body, headers: [['Content-Type', 'application/x-www-form-urlencoded']] })
for (const { name, request, piece } of [
  { name: 'a password in another language', request: form(`senha=${attack}`), piece: "a0aa0aAaaa' aa 0=0--" },
  { name: 'a PIN', request: fromBrowser(`/?pin=${encodeURIComponent(attack)}`), piece: "a0aa0aAaaa' aa 0=0--" },
  {
    name: 'a password in a list of names and values',
    request: fromBrowser('/', { method: 'POST', body: JSON.stringify([{ name: 'password', value: attack }]) }),
    piece: "a0aa0aAaaa' aa 0=0--",
  },
  { name: 'a value that names its secret', request: form(`x={"token":"${attack}"}`), piece: '{"token":"a0aa0aAaaa\' aa 0=0--"}' },
  {
    name: 'a secret in the address of a header',
    request: fromBrowser('/', { headers: [['Referer', `http://shop.example/?token=${attack}`]] }),
    piece: "http://shop.example/?token=a0aa0aAaaa' aa 0=0--",
  },
  {
    name: 'a token in the path',
    request: fromBrowser("/reset/s3cr3tWord77f00ba12c9d41/' or 1=1--"),
    piece: "/reset/a0aa0aAaaa00a00aa00a0a00/' or 1=1--",
  },
  {
    name: 'a user with password',
    request: form(`next=http://bob:${'s3cr3tWord'}@evil.example/' or 1=1--`),
    piece: "http://aaa:a0aa0aAaaa@evil.example/' or 1=1--",
  },
  {
    name: 'a long token beside the place',
    request: form(`x=${'s3cr3tWord'.repeat(40)}' or 1=1--`),
    piece: `${'s3cr3tWord'.repeat(40).replace(/[a-z]/g, 'a').replace(/[A-Z]/g, 'A').replace(/\d/g, '0')}' or 1=1--`.slice(-64),
  },
]) {
  test(`an explanation shows only the outline of ${name}`, () => {
    const reasons = explainRequest(model, request)
    assert.doesNotMatch(JSON.stringify(reasons), /s3cr3t|tWord/i)
    assert.ok(
      reasons.some(({ value }) => value.endsWith(piece)),
      JSON.stringify(reasons),
    )
  })
}
