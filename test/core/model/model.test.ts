import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FEATURES } from '../../../src/core/model/features.ts'
import { explainRequest, scoreRequest, trainModel } from '../../../src/core/model/model.ts'
import type { HttpRequest } from '../../../src/core/types.ts'
import { ordinaryRequests, requestTo, trainedModel } from './samples.ts'

const model = trainedModel({ count: 5000 })
const INJECTION = `/shop/products?id=1%27%20UNION%20SELECT%20${'password%2C'.repeat(20)}1%20FROM%20users%20--%20%22%3E%3Cscript%3E`

/** The request with as many headers and as long an agent as an ordinary client sends. */
function fromBrowser(uri: string, changes: Partial<HttpRequest> = {}): HttpRequest {
  return requestTo(uri, { headers: ordinaryRequests(1, 3)[0]!.headers, ...changes })
}

// Wide bounds: the forest varies from seed to seed, and 20,000 requests hold but 2 of 0.01 %.
for (const { score, share } of [
  { score: 5, share: 0.01 },
  { score: 6, share: 0.0022 },
  { score: 7, share: 0.00046 },
  { score: 8, share: 0.0001 },
]) {
  test(`about ${share * 100} % of ordinary requests that were not trained on reach ${score}`, () => {
    const unseen = ordinaryRequests(20_000, 77)
    const found = unseen.filter(request => scoreRequest(model, request).score >= score).length / unseen.length
    assert.ok(found < 2 * share + 0.0002, `${found * 100} %`)
    if (score < 7) assert.ok(found > share / 3, `${found * 100} %`)
  })
}

test('an injection is strange, and so is each part that attacks are made of', () => {
  for (const request of [
    fromBrowser(INJECTION),
    fromBrowser(`/${'../'.repeat(40)}etc/passwd`),
    fromBrowser(`/?q=${'A'.repeat(4000)}`),
    fromBrowser('/shop', { method: 'POST', body: '<'.repeat(100_000) }),
  ])
    assert.ok(scoreRequest(model, request).score > 8, request.uri.slice(0, 40))
})

test('less than usual counts as usual: a bare health check is ordinary', () => {
  assert.ok(scoreRequest(model, requestTo('/')).score < 5)
  assert.deepEqual(explainRequest(model, requestTo('')), [])
})

test('more of everything is never less strange than ordinary', () => {
  const unit = '/a.b?c=%27&union'
  const check = (length: number) => scoreRequest(model, fromBrowser(unit.repeat(length))).score >= 8
  fc.assert(fc.property(fc.integer({ min: 30, max: 3000 }), check), { numRuns: 30 })
})

test('whatever request comes has a score within the scale and a bounded explanation', () => {
  const text = fc.string({ unit: 'binary', maxLength: 300 })
  const request = fc.record({
    method: text,
    uri: fc.oneof(
      text,
      text.map(piece => piece.repeat(500)),
    ),
    protocol: text,
    headers: fc.array(fc.tuple(fc.oneof(text, fc.constantFrom('User-Agent', 'Content-Length')), fc.oneof(text, fc.nat().map(String)))),
    body: fc.option(text, { nil: undefined }),
  })
  const check = (input: HttpRequest) => {
    const { score, raw } = scoreRequest(model, input)
    assert.ok(score >= 0 && score <= 10 && raw > 0 && raw <= 1)
    const reasons = explainRequest(model, input)
    assert.ok(reasons.length <= 5)
    assert.ok(JSON.stringify(reasons).length < 1024 && reasons.every(reason => JSON.stringify(reason).length <= 256))
  }
  fc.assert(fc.property(request, check), { numRuns: 100 })
})

test('an explanation names what stands out in plain words, most telling first', () => {
  const reasons = explainRequest(model, fromBrowser(`/?q=${'%3Cscript%3E'.repeat(30)}`))
  const words: string[] = FEATURES.map(feature => feature.words)
  assert.ok(reasons.length >= 2)
  for (const { feature, value, surprise } of reasons) {
    assert.ok(words.includes(feature), feature)
    assert.match(value, /^[\d.]+, usual is [\d.]+$/)
    assert.ok(surprise >= 0.1)
  }
  assert.deepEqual(
    reasons.map(({ surprise }) => surprise),
    reasons.map(({ surprise }) => surprise).sort((a, b) => b - a),
  )
  const special = reasons.find(({ feature }) => feature === 'number of < > " \'')
  assert.equal(special?.value, '60, usual is 0')
  assert.equal(special?.where, 'address')
})

test('an explanation repeats nothing that the client sent', () => {
  const reasons = explainRequest(model, fromBrowser('/?token=s3cr3t'.padEnd(900, '<script>'), { body: 's3cr3t' }))
  assert.ok(reasons.length > 0)
  assert.doesNotMatch(JSON.stringify(reasons), /s3cr3t|script|token/)
})

test('a bound of 10 requests: 9 are refused, 10 make a model', () => {
  const train = (count: number) => trainModel(ordinaryRequests(count, 1), { seed: 1, version: 'few', trainedAt: 0 })
  assert.deepEqual(train(9), { ok: false, problem: 'training needs at least 10 clean requests, got 9' })
  const few = train(10)
  assert.ok(few.ok && scoreRequest(few.value, fromBrowser(INJECTION)).score > 8)
})

test('the same seed and requests give the same model, another seed another', () => {
  assert.deepEqual(trainedModel({ count: 100, seed: 4 }), trainedModel({ count: 100, seed: 4 }))
  const train = (seed: number) => trainModel(ordinaryRequests(100, 4), { seed, version: 'v', trainedAt: 0 })
  assert.notDeepEqual(train(1), train(2))
})

for (const count of [10, 13, 20, 200, 1500]) {
  test(`${count} requests that are all alike are no threats to their own model, an injection is`, () => {
    const same = trainModel(new Array(count).fill(fromBrowser('/status')), { seed: 1, version: 'same', trainedAt: 0 })
    assert.ok(same.ok)
    assert.ok(scoreRequest(same.value, fromBrowser('/status')).score <= 5)
    assert.ok(scoreRequest(same.value, fromBrowser(INJECTION)).score > 8)
  })
}
