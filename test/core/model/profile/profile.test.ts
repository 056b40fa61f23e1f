import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createMeasure, FEATURES } from '../../../../src/core/model/features.ts'
import { fieldsOf } from '../../../../src/core/model/fields/fields.ts'
import { createProfileCounts, LIMITS, type Limits } from '../../../../src/core/model/profile/counts.ts'
import { createFreezer } from '../../../../src/core/model/profile/freeze.ts'
import { createHash53, mixHash } from '../../../../src/core/model/profile/hash.ts'
import { createLongest, excess } from '../../../../src/core/model/profile/longest.ts'
import { PURPOSE } from '../../../../src/core/model/profile/profile.ts'
import { mulberry32 } from '../../../../src/core/model/random.ts'
import type { HttpRequest } from '../../../../src/core/types.ts'
import { ordinaryRequests, requestTo } from '../samples.ts'

const SALT = [1, 2] as const

function countsOf(requests: readonly HttpRequest[], foldOf: (index: number) => number, limits: Limits = LIMITS) {
  const counts = createProfileCounts(SALT, { limits })
  requests.forEach((request, index) => void counts.add(fieldsOf(request), foldOf(index)))
  return counts
}

const word = fc.string({ unit: fc.constantFrom('a', 'b', '1', '.', "'", '%20'), maxLength: 6 })
const request = fc.record({
  site: fc.constantFrom('x', 'y'),
  path: fc.constantFrom('', 'a', 'b/c'),
  name: fc.constantFrom('p', 'q', 'r2'),
  value: word,
  cookie: word,
})
const folded = fc.tuple(request, fc.nat(4))
const toRequest = ({ site, path, name, value, cookie }: { site: string; path: string; name: string; value: string; cookie: string }) =>
  requestTo(`/${path}?${name}=${value}`, {
    site,
    headers: [
      ['Cookie', `c=${cookie}`],
      ['User-Agent', value],
    ],
  })

test('the profile without a fold measures as one that never counted it', () => {
  fc.assert(
    fc.property(
      fc.array(folded, { minLength: 2, maxLength: 25 }),
      fc.nat(4),
      fc.array(request, { minLength: 1, maxLength: 5 }),
      (all, fold, asked) => {
        const requests = all.map(([made]) => toRequest(made))
        const without = createFreezer(countsOf(requests, index => all[index]![1]))(fold)
        const rest = all.filter(([, found]) => found !== fold).map(([made]) => toRequest(made))
        // A profile of nothing measures nothing, and nobody asks it.
        fc.pre(rest.length > 0)
        const never = createFreezer(countsOf(rest, () => 0))()
        const [one, other] = [createMeasure(without), createMeasure(never)]
        for (const made of [...asked.map(toRequest), ...requests.slice(0, 3)]) {
          const [found, expected] = [one(fieldsOf(made)).row, other(fieldsOf(made)).row]
          for (const [index, name] of FEATURES.entries())
            assert.ok(Math.abs(found[index]! - expected[index]!) < 1e-9, `${name}: ${found[index]}, ${expected[index]}`)
        }
      },
    ),
    { numRuns: 25 },
  )
})

test('a profile holds no more than its limits, and tells what it left out', () => {
  const limits = { ...LIMITS, hosts: 2, templatesPerHost: 3, namesPerTemplate: 2, names: 12, valuesPerName: 4, values: 60 }
  const counts = countsOf(
    Array.from({ length: 400 }, (_, index) =>
      requestTo(`/p${'x'.repeat(index % 7)}?n${'y'.repeat(index % 5)}=${"'".repeat(index % 30)}&m=1`, { site: `h${index % 4}` }),
    ),
    index => index % 5,
    limits,
  )
  const { hosts, templates, names, namesAtTemplate } = counts.ids
  assert.equal(hosts.size, 2)
  assert.equal(templates.size, 6)
  assert.ok(names.size <= 12)
  assert.ok(namesAtTemplate.size <= 6 * 2)
  assert.deepEqual(counts.leftOut.hosts, 200)
  for (const kind of ['templates', 'names', 'values'] as const) assert.ok(counts.leftOut[kind] > 0, kind)
  assert.ok(createMeasure(createFreezer(counts)())(fieldsOf(requestTo('/'))).row.every(Number.isFinite))
})

test('what many hosts, paths and random values could make endless is bounded in all', () => {
  const limits = { ...LIMITS, templates: 20, namesAtTemplates: 30, pairs: 15, sequences: 500 }
  const random = mulberry32(1)
  const text = () => Array.from({ length: 40 }, () => String.fromCharCode(33 + Math.floor(random() * 90))).join('')
  const requests = Array.from({ length: 300 }, (_, index) =>
    requestTo(`/p${'x'.repeat(index % 9)}?a=1&b=${encodeURIComponent(text())}&c${'y'.repeat(index % 5)}=1`, {
      site: `h${index % 8}`,
      method: `M${index % 6}`,
      headers: [
        ['Accept', text()],
        [`X-${'z'.repeat(index % 3)}`, '1'],
      ],
    }),
  )
  const { ids, counts, leftOut } = countsOf(requests, index => index % 5, limits)
  assert.deepEqual([ids.templates.size, ids.namesAtTemplate.size], [20, 30])
  assert.deepEqual([counts.headerSetsAtHost.size(), counts.methodsAtHost.size(), counts.methodsAtTemplate.size()], [15, 15, 15])
  // The value that reaches the limit is taken whole.
  for (const counter of counts.sequences) assert.ok(counter.size() >= 500 && counter.size() < 600, String(counter.size()))
  for (const kind of ['templates', 'names', 'values', 'pairs'] as const) assert.ok(leftOut[kind] > 0, kind)
  assert.ok(createMeasure(createFreezer(countsOf(requests, () => 0, limits))())(fieldsOf(requests[0]!)).row.every(Number.isFinite))
})

test('within its limits a profile leaves nothing out', () => {
  assert.deepEqual(countsOf(ordinaryRequests(100, 1), () => 0).leftOut, { hosts: 0, templates: 0, names: 0, values: 0, pairs: 0 })
})

test('a hash depends on the text, its purpose and the salt, and has 53 bits', () => {
  const hash = createHash53(SALT)
  const texts = ['', 'a', 'b', 'ab', 'ba', 'abcd', 'abcde', 'abcd\0', '\0', 'x'.repeat(300), 'x'.repeat(556)]
  const all = texts.flatMap(text =>
    [...Object.values(PURPOSE), PURPOSE.name + 1].flatMap(purpose => [hash(text, purpose), createHash53([1, 3])(text, purpose)]),
  )
  assert.equal(new Set(all).size, all.length)
  assert.ok(all.every(value => Number.isSafeInteger(value) && value >= 0))
  assert.ok(all.some(value => value > 2 ** 52))
  fc.assert(fc.property(fc.maxSafeNat(), fc.nat(), (value, id) => Number.isSafeInteger(mixHash(value, id)) && mixHash(value, id) >= 0))
})

test('the longest value is known by fold, in doublings', () => {
  const longest = createLongest()
  longest.note(0, 0, 10)
  longest.note(0, 1, 100)
  longest.note(1000, 4, 3)
  const all = longest.view(1001)
  assert.equal(excess(100, all[0]!), 0)
  assert.ok(Math.abs(excess(201, all[0]!) - 1) < 0.01)
  assert.ok(excess(100, longest.view(1001, 1)[0]!) > 3)
  assert.equal(excess(10, longest.view(1001, 1)[0]!), 0)
  assert.deepEqual([all[1], excess(3, all[1000]!)], [0, 0])
})
