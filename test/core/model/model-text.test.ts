import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { FEATURES } from '../../../src/core/model/features.ts'
import { explainRequest, scoreRequest } from '../../../src/core/model/model.ts'
import { modelToText, parseModel } from '../../../src/core/model/model-text.ts'
import { arrayToText } from '../../../src/core/model/text/arrays.ts'
import { baseModel, modelOf, ordinaryRequests, requestTo, trainedModel } from './samples.ts'

const trained = trainedModel({ count: 240 })
const text = modelToText(trained)
const body: Record<string, unknown> = JSON.parse(text).body
const probes = [
  ...ordinaryRequests(8, 9),
  requestTo(`/?q=${'%27'.repeat(300)}`, { method: 'POST', body: 'x'.repeat(9999), headers: [['Cookie', 'a=1; b=<script>']] }),
]

/** The text of a model whose checksum is right, whatever its body is. */
function sealed(content: string): string {
  return `{"modwarden_model":2,"sha256":"${createHash('sha256').update(content).digest('hex')}","body":${content}}\n`
}

/** The text of the model with changes at places such as 'detector.forest.roots'. */
function sealedWith(changes: Record<string, unknown>): string {
  const changed = structuredClone(body)
  for (const [path, value] of Object.entries(changes)) put(changed, path.split('.'), value)
  return sealed(JSON.stringify(changed))
}

function put(object: Record<string, unknown>, [key, ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) object[key!] = value
  else put(object[key!] as Record<string, unknown>, rest, value)
}

function take(path: string): unknown {
  return path.split('.').reduce<unknown>((object, key) => (object as Record<string, unknown>)[key], body)
}

/** Every place of the body that holds a text or a number. */
function placesOf(object: unknown, above: string): string[] {
  if (typeof object !== 'object' || object === null) return [above.slice(1)]
  return Object.entries(object).flatMap(([key, value]) => placesOf(value, `${above}.${key}`))
}
const places = placesOf(body, '').filter(place => !place.startsWith('summary'))

/** Asserts that a text is refused with one short sentence, or is a model that scores within the scale in bounded time. */
function assertHarmless(hostile: string): void {
  const read = parseModel(hostile)
  if (!read.ok) {
    assert.ok(read.problem.length < 300 && read.problem !== '')
    return
  }
  const found = modelOf(read.value)
  const started = performance.now()
  for (const request of probes) {
    const { score, raw } = scoreRequest(found, request)
    assert.ok(score >= 0 && score <= 10 && raw >= 0 && raw <= 1, `score ${score}, raw ${raw}`)
    for (const { surprise } of explainRequest(found, request)) assert.ok(Number.isFinite(surprise))
  }
  assert.ok(performance.now() - started < 5000)
}

for (const { name, whole } of [
  { name: 'a trained model', whole: trained },
  { name: 'the base model', whole: baseModel() },
]) {
  test(`${name} that was written and read scores, reads and is written the same`, () => {
    const read = parseModel(modelToText(whole))
    assert.ok(read.ok)
    assert.equal(modelToText(read.value), modelToText(whole))
    const [again, before] = [modelOf(read.value), modelOf(whole)]
    for (const request of probes) {
      assert.deepEqual(scoreRequest(again, request), scoreRequest(before, request))
      assert.deepEqual(explainRequest(again, request), explainRequest(before, request))
    }
  })
}

test('the text of a model holds no piece of the requests', () => {
  assert.doesNotMatch(text, /Mozilla|index\.html|about-us/)
  assert.doesNotMatch(Buffer.from(text.replace(/[^A-Za-z0-9+/]/g, ''), 'base64').toString('latin1'), /Mozilla|index\.html|about-us/)
})

const { forest } = trained.detector
const nodes = forest.features.length
const leaf = forest.features.indexOf(-1)
function replaced<T extends { slice(): T; [index: number]: number }>(values: T, index: number, value: number): string {
  const copy = values.slice()
  copy[index] = value
  return arrayToText(copy as unknown as Float64Array)
}
const chain = 1000
const { calibration, profile, tails, prior } = trained.detector
const cases: { name: string; text: string; problem: RegExp }[] = [
  { name: 'nothing', text: '', problem: /no modwarden model/ },
  { name: 'other JSON', text: '{"a":1}', problem: /no modwarden model/ },
  { name: 'an earlier format', text: text.replace('"modwarden_model":2', '"modwarden_model":1'), problem: /format 1.*reads 2.*train/ },
  { name: 'a later format', text: text.replace('"modwarden_model":2', '"modwarden_model":3'), problem: /format 3.*reads 2/ },
  { name: 'one digit changed', text: text.replace('"seed":1', '"seed":2'), problem: /checksum/ },
  { name: 'half a file', text: text.slice(0, text.length / 2), problem: /no modwarden model/ },
  { name: 'no JSON within', text: sealed('{nonsense}'), problem: /no valid model/ },
  { name: 'an unknown key', text: sealedWith({ extra: 1 }), problem: /no valid model/ },
  { name: 'a key that a terminal would obey', text: sealedWith({ '\x1b[2J': 1 }), problem: /^is no valid model: \\x1b\[2J [ -~]*$/ },
  { name: 'a version that a terminal would obey', text: sealedWith({ version: 'x\x1b[2J' }), problem: /^[ -~]*"x\\x1b\[2J"$/ },
  { name: 'a time that no calendar has', text: sealedWith({ trained_at: 8.64e15 + 1 }), problem: /trained_at/ },
  { name: 'an unknown key within', text: sealedWith({ 'detector.extra': 1 }), problem: /no valid model/ },
  { name: 'other features', text: sealedWith({ 'detector.features': ['length'] }), problem: /other features/ },
  {
    name: 'features in another order',
    text: sealedWith({ 'detector.features': (take('detector.features') as string[]).toReversed() }),
    problem: /other features/,
  },
  { name: 'too few usual values', text: sealedWith({ 'detector.usual': arrayToText(Float64Array.of(1)) }), problem: /usual/ },
  { name: 'an unknown way to join voices', text: sealedWith({ 'detector.fusion': 'mean' }), problem: /fusion/ },
  {
    name: 'a scale that falls',
    text: sealedWith({ 'detector.calibration.fused.raw': replaced(calibration.fused.raw, 5, -9) }),
    problem: /fused\.raw/,
  },
  {
    name: 'a scale that is short',
    text: sealedWith({ 'detector.calibration.forest.raw': arrayToText(calibration.forest.raw.slice(1)) }),
    problem: /forest\.raw/,
  },
  { name: 'a tail of no length', text: sealedWith({ 'detector.calibration.tails.tail_mean': 0 }), problem: /tail_mean/ },
  { name: 'a version that leaves the folder', text: sealedWith({ version: '../../etc/x' }), problem: /version/ },
  {
    name: 'arrays of uneven length',
    text: sealedWith({ 'detector.forest.thresholds': arrayToText(Float64Array.of(1)) }),
    problem: /uneven/,
  },
  {
    name: 'a tree that begins outside',
    text: sealedWith({ 'detector.forest.roots': arrayToText(Int32Array.of(nodes)) }),
    problem: /begins outside/,
  },
  {
    name: 'a tree that begins below 0',
    text: sealedWith({ 'detector.forest.roots': arrayToText(Int32Array.of(-1)) }),
    problem: /begins outside/,
  },
  { name: 'no tree', text: sealedWith({ 'detector.forest.roots': '' }), problem: /roots/ },
  { name: 'a circle', text: sealedWith({ 'detector.forest.children': replaced(forest.children, 0, 0) }), problem: /circle/ },
  {
    name: 'a child outside',
    text: sealedWith({ 'detector.forest.children': replaced(forest.children, 0, nodes - 1) }),
    problem: /outside/,
  },
  { name: 'a feature that is none', text: sealedWith({ 'detector.forest.split': replaced(forest.features, 0, 22) }), problem: /split/ },
  { name: 'a path below 0', text: sealedWith({ 'detector.forest.thresholds': replaced(forest.thresholds, leaf, -1) }), problem: /below 0/ },
  {
    name: 'a threshold that is no number',
    text: sealedWith({ 'detector.forest.thresholds': replaced(forest.thresholds, 0, Number.NaN) }),
    problem: /thresholds/,
  },
  {
    name: 'an infinite leaf',
    text: sealedWith({ 'detector.prior.leaves': replaced(prior.leaves, 0, Number.POSITIVE_INFINITY) }),
    problem: /leaves/,
  },
  {
    name: 'a prior of uneven length',
    text: sealedWith({ 'detector.prior.leaves': arrayToText(prior.leaves.slice(1)) }),
    problem: /prior of uneven length/,
  },
  {
    name: 'a prior that asks for a feature that is none',
    text: sealedWith({ 'detector.prior.features': replaced(prior.features, 0, FEATURES.length) }),
    problem: /prior\.features/,
  },
  { name: 'a tail that reaches nowhere', text: sealedWith({ 'detector.tails.reach': replaced(tails.reach, 0, 0) }), problem: /reach/ },
  { name: 'text that is no base64', text: sealedWith({ 'detector.usual': '!!!' }), problem: /usual/ },
  { name: 'half a number', text: sealedWith({ 'detector.usual': 'AAAA' }), problem: /broken number/ },
  {
    name: 'a host that is listed twice',
    text: sealedWith({ 'detector.profile.names': replaced(Float64Array.from(profile.names.keys()), 0, [...profile.names.keys()][1]!) }),
    problem: /names/,
  },
  {
    name: 'a key that is no whole number',
    text: sealedWith({ 'detector.profile.hosts': arrayToText(Float64Array.of(0.5)) }),
    problem: /hosts/,
  },
  {
    name: 'counts of another number of hosts',
    text: sealedWith({ 'detector.profile.host_requests': arrayToText(Uint32Array.of(1, 2)) }),
    problem: /fit together/,
  },
  { name: 'hosts with phrases of another number', text: sealedWith({ has_phrases: '' }), problem: /fit together/ },
  { name: 'hosts seen again of another number', text: sealedWith({ seen_again: '' }), problem: /fit together/ },
  {
    name: 'lists that begin outside',
    text: sealedWith({ 'detector.profile.anywhere.start': replaced(profile.anywhere.presenceStart, 1, 2 ** 31) }),
    problem: /fit together/,
  },
  {
    name: 'a symbol that is none',
    text: sealedWith({ 'detector.profile.anywhere.symbol': replaced(profile.anywhere.presenceSymbol, 0, 39) }),
    problem: /symbol/,
  },
  {
    name: 'a context that is none',
    text: sealedWith({ 'detector.profile.anywhere_sequences.context': replaced(profile.anywhereSequences.context, 0, 39 * 39) }),
    problem: /context/,
  },
  {
    name: 'one endless branch',
    text: sealedWith({
      'detector.forest.roots': arrayToText(Int32Array.of(0)),
      'detector.forest.children': arrayToText(Int32Array.from({ length: chain }, (_, node) => node + 1)),
      'detector.forest.split': arrayToText(Int16Array.from({ length: chain }, (_, node) => (node < chain - 2 ? 0 : -1))),
      'detector.forest.thresholds': arrayToText(new Float64Array(chain)),
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
  for (let end = 0; end < text.length - 1; end += Math.ceil(text.length / 97)) assert.ok(!parseModel(text.slice(0, end)).ok)
})

/** Bytes of numbers with some of them changed, or cut or lengthened. */
function damagedArray(value: string, { at, bytes, length }: { at: number; bytes: Uint8Array; length: number }): string {
  const old = Buffer.from(value, 'base64')
  const changed = Buffer.concat([old, Buffer.alloc(16)]).subarray(
    0,
    length < 0 ? old.length + length * 8 : old.length + (length > 14 ? 8 : 0),
  )
  if (changed.length > 0) changed.set(bytes.subarray(0, Math.max(0, changed.length - (at % changed.length))), at % changed.length)
  return changed.toString('base64')
}

test('a body with a true checksum and hostile numbers is refused or scores within the scale', () => {
  const special = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 1e308, -1e308, 2 ** 31, 2 ** 53, 5e-324)
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 8 }),
    special.map(value => new Uint8Array(Float64Array.of(value).buffer)),
  )
  const other = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(-1, 1e308, 2 ** 31, 2 ** 53, null, '1', [], {}))
  const change = fc.record({ place: fc.constantFrom(...places), at: fc.nat(), bytes, length: fc.integer({ min: -3, max: 16 }), other })
  const check = (changes: { place: string; at: number; bytes: Uint8Array; length: number; other: unknown }[]) => {
    const changed: Record<string, unknown> = {}
    for (const { place, other: value, ...damage } of changes) {
      const old = take(place)
      const isArray = typeof old === 'string' && damage.at % 10 !== 0
      changed[place] = isArray ? damagedArray(old, { ...damage, at: damage.at & ~7 }) : value
    }
    assertHarmless(sealedWith(changed))
  }
  fc.assert(fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), check), { numRuns: 80 })
})

test('tables that changed places are refused or score within the scale', () => {
  const check = (first: string, second: string) => assertHarmless(sealedWith({ [first]: take(second), [second]: take(first) }))
  fc.assert(fc.property(fc.constantFrom(...places), fc.constantFrom(...places), check), { numRuns: 40 })
})

test('the largest numbers everywhere in a table score within the scale', () => {
  for (const place of places) {
    const old = take(place)
    if (typeof old !== 'string' || old.length < 8) continue
    const bytes = Buffer.from(old, 'base64')
    const doubles = bytes.length % 8 === 0
    const largest = doubles ? Float64Array.from({ length: bytes.length / 8 }, (_, at) => 1e308 * (at % 2 === 0 ? 1 : -1)) : undefined
    for (const hostile of [new Uint8Array(bytes.length).fill(255), new Uint8Array(bytes.length), largest && new Uint8Array(largest.buffer)])
      if (hostile !== undefined) assertHarmless(sealedWith({ [place]: arrayToText(hostile) }))
  }
})

test('a scale by which all is endlessly strange still gives reasons in numbers', () => {
  const { forest } = calibration
  assertHarmless(sealedWith({ 'detector.tails.reach': arrayToText(tails.reach.map(() => 5e-324)) }))
  assertHarmless(
    sealedWith({
      'detector.calibration.forest.raw': arrayToText(forest.raw.map(() => -1e308)),
      'detector.calibration.forest.tail_mean': 1e-9,
    }),
  )
})

test('10 MB of brackets are refused in a moment', () => {
  const started = performance.now()
  for (const filling of ['}', '[', '{"a":']) assertHarmless(sealed(`{${filling.repeat(10e6 / filling.length)}}`))
  assert.ok(performance.now() - started < 5000)
})
