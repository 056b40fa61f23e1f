import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GRAFT_PLACES, graft } from '../../../../src/core/model/graft.ts'
import { scoreRequest } from '../../../../src/core/model/model.ts'
import { modelToText } from '../../../../src/core/model/model-text.ts'
import { LIMITS } from '../../../../src/core/model/profile/counts.ts'
import { mulberry32 } from '../../../../src/core/model/random.ts'
import { PROBES } from '../../../../src/core/model/train/probes.ts'
import type { Circumstances } from '../../../../src/core/model/train/survey.ts'
import { createTrainer, trainModel } from '../../../../src/core/model/train/trainer.ts'
import type { HttpRequest, Result } from '../../../../src/core/types.ts'
import { baseModel, goodOf, modelOf, ordinaryRequests, requestTo, trainOn } from '../samples.ts'

type Given = { request: HttpRequest; circumstances?: Circumstances }
const NAMING = { version: 'v', trainedAt: 0 }
const base = baseModel().detector
const DAY = 86_400_000

function trainWith(given: readonly Given[]) {
  const trainer = createTrainer({ base, seed: 1 })
  for (const { request, circumstances } of given) trainer.survey(request, circumstances)
  for (const { request, circumstances } of given) trainer.take(request, circumstances)
  return trainer.finish(NAMING)
}
const clean = (count: number, seed = 1): Given[] => ordinaryRequests(count, seed).map(request => ({ request }))
const ATTACK = '/download?f=../../../../etc/passwd%00'
const attack = (uri: string = ATTACK) => requestTo(uri, { headers: ordinaryRequests(1, 3)[0]!.headers })
const problemOf = (result: Result<unknown>) => (result.ok ? '' : result.problem)

for (const { count, isTrained } of [
  { count: 0, isTrained: false },
  { count: 9, isTrained: false },
  { count: 10, isTrained: true },
]) {
  test(`${count} requests make ${isTrained ? 'a' : 'no'} model`, () => {
    const result = trainModel(ordinaryRequests(count, 1), { base, seed: 1, ...NAMING })
    assert.equal(result.ok, isTrained)
    if (!isTrained) assert.equal(problemOf(result), `training needs at least 10 clean requests, got ${count}`)
  })
}

test('a refusal says what was left out', () => {
  const suspect = Array.from({ length: 5 }, () => ({ request: attack(), circumstances: { isSuspect: true } }))
  assert.equal(
    problemOf(trainWith([...clean(9), ...suspect])),
    'training needs at least 10 clean requests, got 9; left out 5: requests to which the WAF or the server objected',
  )
})

test('what looks like an attack is left out, alone; what was objected to as well', () => {
  const { model, leftOut } = goodOf(
    trainWith([...clean(60), { request: attack() }, { request: requestTo('/x'), circumstances: { isSuspect: true } }]),
  )
  assert.equal(model.trainedOn, 60)
  assert.deepEqual(leftOut, ['left out 1: requests to which the WAF or the server objected', 'left out 1: requests that look like attacks'])
})

test('what a person calls clean is learnt, whatever it looks like, and its host is known for such phrases', () => {
  const ip = '192.0.2.1'
  for (const isVouchedFor of [true, false]) {
    const circumstances = { ip, isSuspect: true, isVouchedFor }
    const { model, leftOut } = goodOf(trainWith([...clean(60), ...Array.from({ length: 6 }, () => ({ request: attack(), circumstances }))]))
    assert.deepEqual([model.trainedOn, [...model.hasPhrases]], isVouchedFor ? [66, [1]] : [60, [0]])
    assert.equal(leftOut.length, isVouchedFor ? 0 : 1, leftOut.join())
  }
})

const odd = (index: number) => attack(`/report?f=../../../../etc/passwd%00${index}`)
for (const { name, circumstances, usual } of [
  {
    name: 'came on two days from two addresses',
    circumstances: (index: number) => ({ at: (index % 2) * DAY, ip: `192.0.2.${1 + (index % 2)}` }),
    usual: true,
  },
  { name: 'came without time and address', circumstances: () => ({}), usual: true },
  { name: 'came to where nothing is', circumstances: () => ({ isNotFound: true }), usual: false },
  { name: 'came on one day', circumstances: (index: number) => ({ at: 0, ip: `192.0.2.${1 + (index % 2)}` }), usual: false },
  { name: 'came from one address', circumstances: (index: number) => ({ at: (index % 2) * DAY, ip: '192.0.2.1' }), usual: false },
]) {
  test(`what many requests to a path have is how the site is only if it is spread: ${name}`, () => {
    const given = Array.from({ length: 8 }, (_, index) => ({ request: odd(index), circumstances: circumstances(index) }))
    const result = goodOf(trainWith([...clean(60), ...given]))
    assert.equal(result.model.trainedOn, usual ? 68 : 60, result.leftOut.join())
  })
}

test('what scanners ask all sites for is no custom of any, whatever is answered', () => {
  const given = Array.from({ length: 8 }, () => ({ request: attack('/.env') }))
  const { model } = goodOf(trainWith([...clean(60), ...given]))
  assert.deepEqual([model.trainedOn, [...model.hasPhrases]], [60, [0]])
})

test('four attack-like requests of a path are no custom, and a fifth of its requests must have it', () => {
  const given = (count: number) => Array.from({ length: count }, (_, index) => ({ request: odd(index) }))
  assert.equal(goodOf(trainWith([...clean(60), ...given(4)])).model.trainedOn, 60)
  assert.equal(goodOf(trainWith([...clean(60), ...given(5)])).model.trainedOn, 65)
  const ordinary = (count: number) => Array.from({ length: count }, () => ({ request: attack('/report?f=1') }))
  assert.equal(goodOf(trainWith([...ordinary(20), ...given(5)])).model.trainedOn, 25)
  assert.equal(goodOf(trainWith([...ordinary(21), ...given(5)])).model.trainedOn, 21)
})

test('an address with five attacks or more is left out wholly, one with four is not', () => {
  const from = (ip: string, attacks: number): Given[] => [
    ...PROBES.slice(0, attacks).map(text => ({
      request: attack(`/x?a=${encodeURIComponent(text)}`),
      circumstances: { ip, at: 0, isSuspect: true },
    })),
    ...ordinaryRequests(10, 5).map(request => ({ request, circumstances: { ip, at: 0 } })),
  ]
  assert.equal(goodOf(trainWith([...clean(40), ...from('192.0.2.1', 4)])).model.trainedOn, 50)
  const { model, leftOut } = goodOf(trainWith([...clean(40), ...from('192.0.2.1', 5)]))
  assert.equal(model.trainedOn, 40)
  assert.deepEqual(leftOut, [
    'left out 5: requests to which the WAF or the server objected',
    'left out 10: other requests, of addresses (1) whose requests look like attacks again and again',
  ])
})

test('the same seed and requests give the same bytes, another seed others', () => {
  const textOf = (seed: number) => modelToText(trainOn(ordinaryRequests(60, 4), { seed }).model)
  assert.equal(textOf(1), textOf(1))
  assert.notEqual(textOf(1), textOf(2))
})

test('with attacks among 5 % of the training requests attacks are still found', () => {
  const random = mulberry32(9)
  const requests = ordinaryRequests(1000, 6)
  const poisoned = requests.map((request, index) =>
    index % 20 === 0 ? graft(request, PROBES[index % 24]!, GRAFT_PLACES[index % 3]!, random) : request,
  )
  const model = modelOf(trainOn(poisoned).model)
  const found = PROBES.filter((text, index) => scoreRequest(model, graft(requests[index]!, text, 'argument', random)).score >= 5)
  assert.ok(found.length >= PROBES.length * 0.9, String(found.length))
})

test('a candidate of clean requests is fit, one of noise is not and says why', () => {
  const { verdict } = trainOn(ordinaryRequests(300, 1))
  assert.deepEqual([verdict.fit, verdict.problem, verdict.held_out, verdict.probes], [true, null, 60, PROBES.length])
  const random = mulberry32(3)
  const noise = () => Array.from({ length: 60 }, () => `%${(16 + Math.floor(random() * 240)).toString(16)}`).join('')
  const garbage = Array.from({ length: 60 }, () => requestTo(`/${noise()}?${noise()}=${noise()}`, { headers: [['User-Agent', noise()]] }))
  const refused = trainOn([...ordinaryRequests(240, 1), ...garbage])
  assert.equal(refused.verdict.fit, false)
  assert.match(
    refused.verdict.problem!,
    /^100\.00 % of \d+ clean requests of the last recordings reach 5, at most 10 % may; train on more, or on cleaner/,
  )
  assert.equal(refused.model.summary.verdict, refused.verdict.problem)
})

test('requests of hosts with one request each can be trained on', () => {
  const { model } = trainOn(ordinaryRequests(12, 1).map((request, index) => ({ ...request, site: `h${index}.example` })))
  assert.equal(model.seenAgain.length, 12)
})

for (const { name, times, isSeenAgain } of [
  { name: 'no times', times: [undefined], isSeenAgain: true },
  { name: 'one day', times: [0], isSeenAgain: false },
  { name: 'one day and no time behind it, as of what was marked as clean', times: [0, undefined], isSeenAgain: false },
  { name: 'no time and one day behind it', times: [undefined, 0], isSeenAgain: false },
  { name: 'two days', times: [0, DAY], isSeenAgain: true },
  { name: 'no time and two days', times: [undefined, 0, DAY], isSeenAgain: true },
]) {
  test(`whether a host was seen again, by requests with ${name}`, () => {
    const given = clean(30).map(({ request }, index) => {
      const at = times[Math.floor((index * times.length) / 30)]
      return { request, circumstances: at === undefined ? {} : { at } }
    })
    assert.deepEqual([...goodOf(trainWith(given)).model.seenAgain], [Number(isSeenAgain)])
  })
}

test('made-up hosts that come first do not keep a site out of a model that is full', () => {
  const strangers = Array.from({ length: 8 }, (_, index) => requestTo('/', { headers: [['Host', `${index}.example`]] }))
  const limits = { ...LIMITS, hosts: 4 }
  const { model, leftOut } = goodOf(trainModel([...strangers, ...ordinaryRequests(250, 1)], { base, seed: 1, limits, ...NAMING }))
  assert.equal(scoreRequest(modelOf(model), ordinaryRequests(1, 2)[0]!).capped, false)
  assert.ok(leftOut.includes('left out 8: requests beyond the number of hosts that are remembered'), leftOut.join())
})
