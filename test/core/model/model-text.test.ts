import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { explainRequest, scoreRequest } from '../../../src/core/model/model.ts'
import { modelToText, parseModel } from '../../../src/core/model/model-text.ts'
import { ordinaryRequests, requestTo, trainedModel } from './samples.ts'

const model = trainedModel()
const text = modelToText(model)
const body: Record<string, unknown> = JSON.parse(text).body
const probes = [...ordinaryRequests(20, 9), requestTo(`/?q=${'%27'.repeat(300)}`, { method: 'POST', body: 'x'.repeat(9999) })]

/** The text of a model whose checksum is right, whatever its body is. */
function sealed(content: string): string {
  return `{"modwarden_model":1,"sha256":"${createHash('sha256').update(content).digest('hex')}","body":${content}}\n`
}

function sealedWith(changes: Record<string, unknown>): string {
  return sealed(JSON.stringify({ ...body, ...changes }))
}

/** Asserts that a text is refused, or is a model that scores within the scale in bounded time. */
function assertHarmless(hostile: string): void {
  const read = parseModel(hostile)
  if (!read.ok) {
    assert.ok(read.problem.length < 300 && read.problem !== '')
    return
  }
  for (const request of probes) {
    const { score, raw } = scoreRequest(read.value, request)
    assert.ok(score >= 0 && score <= 10 && raw >= 0 && raw <= 1, `score ${score}, raw ${raw}`)
    for (const { surprise } of explainRequest(read.value, request)) assert.ok(Number.isFinite(surprise))
  }
}

test('a model that was written and read scores and reads the same', () => {
  const read = parseModel(text)
  assert.ok(read.ok)
  assert.deepEqual(read.value, model)
  assert.equal(modelToText(read.value), text)
  for (const request of probes) assert.deepEqual(scoreRequest(read.value, request), scoreRequest(model, request))
})

test('the text of a model holds no piece of the requests', () => assert.doesNotMatch(text, /Mozilla|index\.html|about-us/))

const nodes = model.forest.features.length
const leaf = model.forest.features.indexOf(-1)
const replaced = (values: ArrayLike<number>, index: number, value: unknown) => Array.from(values, (old, at) => (at === index ? value : old))
const chain = 1000
const cases = [
  { name: 'nothing', text: '', problem: /no modwarden model/ },
  { name: 'other JSON', text: '{"a":1}', problem: /no modwarden model/ },
  { name: 'a later format', text: text.replace('"modwarden_model":1', '"modwarden_model":2'), problem: /format 2.*reads 1/ },
  { name: 'one digit changed', text: text.replace('"seed":1', '"seed":2'), problem: /checksum/ },
  { name: 'half a file', text: text.slice(0, text.length / 2), problem: /no modwarden model/ },
  { name: 'no JSON within', text: sealed('{nonsense}'), problem: /no valid model/ },
  { name: 'an unknown key', text: sealedWith({ extra: 1 }), problem: /no valid model/ },
  { name: 'other features', text: sealedWith({ features: ['length'] }), problem: /other features/ },
  { name: 'too few usual values', text: sealedWith({ usual: [1] }), problem: /other features/ },
  { name: 'a scale that falls', text: sealedWith({ raw: replaced(model.calibration.raw, 5, 0) }), problem: /scale that falls/ },
  { name: 'a tail of no length', text: sealedWith({ tail_mean: 0 }), problem: /tail_mean/ },
  { name: 'a version that leaves the folder', text: sealedWith({ version: '../../etc/x' }), problem: /version/ },
  { name: 'arrays of uneven length', text: sealedWith({ thresholds: [1] }), problem: /uneven/ },
  { name: 'a tree that begins outside', text: sealedWith({ roots: [nodes] }), problem: /begins outside/ },
  { name: 'no tree', text: sealedWith({ roots: [] }), problem: /roots/ },
  { name: 'a circle', text: sealedWith({ children: replaced(model.forest.children, 0, 0) }), problem: /circle/ },
  { name: 'a child outside', text: sealedWith({ children: replaced(model.forest.children, 0, nodes - 1) }), problem: /outside/ },
  { name: 'a feature that is none', text: sealedWith({ split: replaced(model.forest.features, 0, 15) }), problem: /split/ },
  { name: 'a path below 0', text: sealedWith({ thresholds: replaced(model.forest.thresholds, leaf, -1) }), problem: /below 0/ },
  { name: 'a number that is none', text: sealedWith({ thresholds: replaced(model.forest.thresholds, 0, null) }), problem: /thresholds/ },
  {
    name: 'one endless branch',
    text: sealedWith({
      roots: [0],
      children: Array.from({ length: chain }, (_, node) => node + 1),
      split: Array.from({ length: chain }, (_, node) => (node < chain - 2 ? 0 : -1)),
      thresholds: new Array(chain).fill(0),
    }),
    problem: /branch longer than 64/,
  },
]
for (const { name, text: hostile, problem } of cases) {
  test(`${name} is refused`, () => {
    const read = parseModel(hostile)
    assert.ok(!read.ok)
    assert.match(read.problem, problem)
  })
}

test('a text with damage anywhere is refused', () => {
  const damage = fc.tuple(fc.nat(text.length - 2), fc.constantFrom('', '0', '9', '-', ',', ']', '}', '"', '\0', 'é', '[[[['))
  const check = ([at, piece]: [number, string]) => {
    const hostile = text.slice(0, at) + piece + text.slice(at + 1)
    return hostile === text || !parseModel(hostile).ok
  }
  fc.assert(fc.property(damage, check), { numRuns: 200 })
})

test('a body with a true checksum and hostile numbers is refused or scores within the scale', () => {
  const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(-1, 1e308, -1e308, 2 ** 31, 2 ** 53, null, '1', [], {}))
  const keys = ['usual', 'raw', 'roots', 'children', 'split', 'thresholds', 'tail_mean', 'sample_size', 'seed', 'trained_on']
  const change = fc.record({ key: fc.constantFrom(...keys), at: fc.nat(), value: number })
  const check = (changes: { key: string; at: number; value: unknown }[]) => {
    const hostile: Record<string, unknown> = structuredClone(body)
    for (const { key, at, value } of changes) {
      const old = hostile[key]
      if (Array.isArray(old)) old[at % old.length] = value
      else hostile[key] = value
    }
    assertHarmless(sealed(JSON.stringify(hostile)))
  }
  fc.assert(fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), check), { numRuns: 60 })
})

test('10 MB of brackets are refused in a moment', () => {
  const started = performance.now()
  for (const filling of ['}', '[', '{"a":']) assertHarmless(sealed(`{${filling.repeat(10e6 / filling.length)}}`))
  assert.ok(performance.now() - started < 5000)
})
