import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createMeasure, FEATURES, type Feature, FOREST_FEATURES, TAIL_FEATURES } from '../../../src/core/model/features.ts'
import { fieldsOf } from '../../../src/core/model/fields/fields.ts'
import type { HttpRequest } from '../../../src/core/types.ts'
import { baseModel, ordinaryRequests, profileOf, requestTo, trainedModel } from './samples.ts'

const own = createMeasure(trainedModel({ count: 300 }).detector.profile)
const base = createMeasure(baseModel().detector.profile)
const ordinary = ordinaryRequests(1, 3)[0]!

function measured(request: HttpRequest): Record<Feature, number> {
  const { row } = own(fieldsOf(request))
  return Object.fromEntries(FEATURES.map((name, index) => [name, row[index]!])) as Record<Feature, number>
}
const to = (uri: string, changes: Partial<HttpRequest> = {}) => requestTo(uri, { headers: ordinary.headers, ...changes })

// What each feature is there for: it is higher in the second request than in the first.
const RISES: { feature: Feature; from: HttpRequest; to: HttpRequest }[] = [
  { feature: 'p_Swc', from: to('/shop'), to: to('/shop/%00%00..%5c') },
  { feature: 'p_csc', from: to('/shop'), to: to('/shop/\'"<') },
  { feature: 'a_Kwc', from: to('/?id=1'), to: to("/?id=1'--") },
  { feature: 'a_Swc', from: to('/?id=1'), to: to("/?id=1'--") },
  { feature: 'a_K', from: to('/?id=1000'), to: to("/?id='--'") },
  { feature: 'a_K1', from: to('/?id=1'), to: to("/?id='") },
  { feature: 'a_csc', from: to('/?id=1'), to: to("/?id='()<>#") },
  { feature: 'a_nm', from: to('/?id=1'), to: to('/?unheard=1') },
  { feature: 'n_Kwc', from: to('/?id=1'), to: to("/?i'*/d=1") },
  { feature: 'c_Kwc', from: to('/'), to: to('/', { headers: [['Cookie', "a=';--<>()"]] }) },
  { feature: 'h_Kwc', from: to('/'), to: to('/', { headers: [['User-Agent', "(){';--<>"]] }) },
  { feature: 'h_Swc', from: to('/'), to: to('/', { headers: [['User-Agent', "(){';--<>"]] }) },
  { feature: 'h_csc', from: to('/'), to: to('/', { headers: [['User-Agent', "(){';--<>"]] }) },
  { feature: 'h_set', from: to('/'), to: to('/', { headers: [['Unheard', '1']] }) },
  { feature: 'm_tpl', from: to('/'), to: to('/', { method: 'PROPFIND' }) },
  { feature: 'k_xss', from: to('/?q=a'), to: to('/?q=<script>alert(1)') },
  { feature: 'k_sh', from: to('/?q=a'), to: to('/?q=;cat /etc/hosts') },
  { feature: 'k_trav', from: to('/?q=a'), to: to('/?q=../../x') },
  { feature: 'k_utf', from: to('/?q=a'), to: to('/?q=%c0%ae') },
  { feature: 'f_odd', from: to('/'), to: to('/', { oddFraming: true }) },
  { feature: 'v_len', from: to('/?id=1'), to: to(`/?id=${'1'.repeat(3000)}`) },
  { feature: 'k_sql', from: to('/?q=a'), to: to("/?q=' union select 1") },
  { feature: 'k_inj', from: to('/?q=a'), to: to('/?q=jndi:ldap://x') },
  { feature: 'k_sure', from: to('/?q=union or select'), to: to('/?q=1 union all select a') },
  { feature: 'c_Swc', from: to('/'), to: to('/', { headers: [['Cookie', "a=';--<>()"]] }) },
  { feature: 'c_csc', from: to('/'), to: to('/', { headers: [['Cookie', "a=';--<>()"]] }) },
]
for (const { feature, from, to: strange } of RISES) {
  test(`${feature} rises with what it is there for`, () => {
    const [before, after] = [measured(from)[feature], measured(strange)[feature]]
    assert.ok(after > before + 0.9, `${before} to ${after}`)
  })
}

test('every feature but the missing argument, which needs a path that always has one, is in the table', () => {
  assert.deepEqual(
    FEATURES.filter(name => !RISES.some(({ feature }) => feature === name)),
    ['a_miss'],
  )
  assert.deepEqual([FEATURES.length, FOREST_FEATURES, TAIL_FEATURES], [27, 22, 21])
})

test('an argument that a path always has is missed, at the eighth request and from 95 % on', () => {
  const missed = (requests: readonly string[], uri: string) => {
    const profile = profileOf(requests.map(path => to(path)))
    return createMeasure(profile)(fieldsOf(to(uri))).row[FEATURES.indexOf('a_miss')]
  }
  assert.equal(missed(Array(8).fill('/a?id=1&x=2'), '/a?x=1'), 1)
  assert.equal(missed(Array(8).fill('/a?id=1&x=2'), '/a'), 2)
  assert.equal(missed(Array(7).fill('/a?id=1&x=2'), '/a'), 0)
  assert.equal(missed([...Array(19).fill('/a?id=1'), '/a'], '/a'), 1)
  assert.equal(missed([...Array(18).fill('/a?id=1'), '/a'], '/a'), 0)
  assert.equal(missed(Array(8).fill('/a?id=1'), '/b'), 0)
})

test('what the log lacks counts as nothing strange', () => {
  const { h_set, h_Swc, c_Swc, a_miss } = measured(to('/', { knownHeaders: 'none', headers: [] }))
  assert.deepEqual([h_set, h_Swc, c_Swc, a_miss], [0, 0, 0, 0])
  assert.deepEqual(measured(to('/', { body: undefined })), measured(to('/', { body: '' })))
})

test('a profile of an access log says nothing of headers that it never had', () => {
  const few = ordinaryRequests(50, 1).map(request => ({ ...request, knownHeaders: 'few' as const, headers: request.headers.slice(0, 1) }))
  const measure = createMeasure(profileOf(few))
  const { row } = measure(fieldsOf(to('/', { headers: [...ordinary.headers.slice(0, 1), ['X-New', "'<>"], ['Cookie', "a='"]] })))
  for (const name of ['h_set', 'c_Kwc', 'c_Swc', 'c_csc'] as const) assert.equal(row[FEATURES.indexOf(name)], 0, name)
})

test('every measure of whatever text is a finite number that is not negative, and points into the request', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({ unit: fc.constantFrom('%', '3', 'c', '?', '&', '\0', 'ÿ', '{', '"', '\\', '=') }),
  )
  const request = fc.record({
    method: text,
    uri: text,
    protocol: text,
    headers: fc.array(fc.tuple(fc.oneof(text, fc.constantFrom('Content-Length', 'User-Agent', 'Cookie', '__proto__')), text)),
    body: fc.option(text, { nil: undefined }),
  })
  const check = (input: HttpRequest) => {
    const fields = fieldsOf(input)
    for (const measure of [own, base]) {
      const { row, field } = measure(fields)
      assert.ok(row.every(value => Number.isFinite(value) && value >= 0))
      assert.ok(field.every(index => index >= -1 && index < fields.fields.length))
    }
  }
  fc.assert(fc.property(request, check))
})

test('padding gains an attacker next to nothing', () => {
  const attack = "' union select 1,2--"
  const plain = measured(to(`/?id=${encodeURIComponent(attack)}`))
  const padded = measured(to(`/?id=${'a%20'.repeat(1000)}${encodeURIComponent(attack)}${'%20a'.repeat(1000)}`))
  assert.ok(padded.a_Swc > plain.a_Swc - 12)
  for (const name of ['k_sql', 'a_csc'] as const) assert.ok(padded[name] >= plain[name] - 0.01, name)
})

test('16 MiB of address and of body are measured in a moment, and what was left out is told', () => {
  const size = 16 * 1024 * 1024
  // The time of the processor: other programs may run beside.
  const started = process.cpuUsage()
  const { f_odd } = measured(to(`/?${'%27'.repeat(size / 3)}`, { body: 'x'.repeat(size) }))
  assert.ok(process.cpuUsage(started).user < 5e6)
  assert.ok(f_odd > 3)
})
