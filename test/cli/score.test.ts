import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { modelToText } from '../../src/core/model/model-text.ts'
import { baseModel, trainedModel } from '../core/model/samples.ts'
import { modwarden, openFolder, SCRIPT } from './modwarden.ts'

const BASE = baseModel().version
const folder = openFolder('score-')
after(() => rmSync(folder, { recursive: true }))

const ATTACK = { uri: `/?id=${'%27%20UNION%20SELECT%20'.repeat(60)}`, headers: {} }
const base = ['--model-dir', join(folder, 'no-models')]

function inFile(name: string, content: string | Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

test('score writes what the contract says, by the base model where none is active', async () => {
  const { code, objects, errors } = await modwarden(['score', ...base], `${JSON.stringify(ATTACK)}\n{"uri":"/"}\n`)
  assert.deepEqual([code, errors], [0, ''])
  const [strange, ordinary] = objects()
  assert.deepEqual(Object.keys(strange), ['anomaly_score', 'is_anomaly', 'raw_score', 'capped', 'notes', 'reasons', 'model'])
  assert.ok(
    strange.anomaly_score >= 5 && strange.anomaly_score <= 6.9 && strange.is_anomaly === true && strange.raw_score > ordinary.raw_score,
  )
  assert.deepEqual(Object.keys(strange.reasons[0]), ['feature', 'where', 'value', 'surprise'])
  assert.ok(ordinary.anomaly_score < 5 && ordinary.is_anomaly === false)
  assert.deepEqual([strange.model, ordinary.model], [BASE, BASE])
})

test('score keeps the order of 20,000 requests, and the last needs no line end', async () => {
  const uris = Array.from({ length: 20_000 }, (_, index) => (index % 7 === 0 ? ATTACK.uri : '/'))
  const { code, objects } = await modwarden(['score', ...base], uris.map(uri => JSON.stringify({ uri })).join('\n'))
  assert.equal(code, 0)
  assert.deepEqual(
    objects().map(({ is_anomaly }) => is_anomaly),
    uris.map(uri => uri !== '/'),
  )
})

test('score tells a bad line in its place, goes on, and ends with 1', async () => {
  const bad = ['nonsense', '[]', '{"uri":5}', '\0\xff{', '{"uri":"/","headers":"x"}', '['.repeat(100_000)]
  const { code, objects, errors } = await modwarden(['score', ...base], ['{"uri":"/"}', '', ...bad, '{"uri":"/"}', ''].join('\n'))
  assert.deepEqual([code, errors], [1, ''])
  const answers = objects()
  assert.deepEqual(
    answers.map(({ line }) => line),
    [undefined, 3, 4, 5, 6, 7, 8, undefined],
  )
  for (const { error, line, ...rest } of answers.slice(1, -1)) {
    assert.match(error, new RegExp(`^line ${line} (is no JSON|must be a request)`))
    assert.deepEqual(rest, {})
  }
})

test('score passes over a line beyond 16 MiB and goes on', async () => {
  const { code, objects } = await modwarden(['score', ...base], `{"uri":"${'a'.repeat(17 * 2 ** 20)}"}\n{"uri":"/"}\n`)
  assert.equal(code, 1)
  assert.deepEqual(
    objects().map(({ error }) => error),
    ['line 1 is longer than 16777216 bytes', undefined],
  )
})

test('score survives headers that are hostile objects', async () => {
  const line = '{"uri":"/","headers":{"__proto__":{"a":1},"constructor":{"toString":1,"valueOf":2},"A":[[["b"]]]}}'
  const { code, objects } = await modwarden(['score', ...base], line)
  assert.equal(code, 0)
  assert.equal(objects().length, 1)
})

test('score reads a file and a packed one alike, whatever they are called', async () => {
  const content = `${JSON.stringify(ATTACK)}\n{"uri":"/"}\n`
  const plain = await modwarden(['score', ...base, inFile('requests.jsonl', content)])
  const packed = await modwarden(['score', ...base, inFile('requests.jsonl.gz', gzipSync(content))])
  const named = await modwarden(['score', ...base, inFile('plain.gz', content)])
  assert.deepEqual([plain.code, packed.code, named.code], [0, 0, 0])
  assert.deepEqual([packed.out, named.out], [plain.out, plain.out])
})

test('score takes the model that is named', async () => {
  const path = inFile('mine.json', modelToText(trainedModel({ count: 50 })))
  const { code, objects } = await modwarden(['score', '--model', path], '{"uri":"/"}')
  assert.equal(code, 0)
  assert.equal(objects()[0].model, 'test-1')
})

for (const { name, args, code, says } of [
  { name: 'a file that is not there', args: [...base, '/no/such/file'], code: 1, says: /cannot read \/no\/such\/file: ENOENT/ },
  {
    name: 'a damaged .gz',
    args: [...base, inFile('broken.gz', Buffer.from('1f8bffff00000000', 'hex'))],
    code: 1,
    says: /cannot read .*broken\.gz: unknown compression method/,
  },
  {
    name: 'a .gz cut short',
    args: [...base, inFile('cut.gz', gzipSync('x'.repeat(99)).subarray(0, 20))],
    code: 1,
    says: /cannot read .*cut\.gz/,
  },
  { name: 'a model that is none', args: ['--model', inFile('bad.json', '{}')], code: 1, says: /bad\.json is no modwarden model/ },
  { name: 'a model that is not there', args: ['--model', '/no/such/model'], code: 1, says: /cannot read the model: ENOENT/ },
  { name: 'a model that is a device', args: ['--model', '/dev/zero'], code: 1, says: /\/dev\/zero is no file/ },
  { name: 'an unknown option', args: ['--nonsense'], code: 64, says: /unknown option '--nonsense'/ },
  { name: 'two files', args: ['a', 'b'], code: 64, says: /too many arguments/ },
]) {
  test(`score refuses ${name} with ${code}, in one sentence`, async () => {
    const run = await modwarden(['score', ...args])
    assert.equal(run.code, code)
    assert.match(run.errors, says)
    assert.doesNotMatch(run.errors, / {4}at |node:internal/)
  })
}

test('score --help shows an example', async () => {
  const { code, out } = await modwarden(['score', '--help'])
  assert.equal(code, 0)
  assert.match(out, /Example:/)
})

test('a disk that is full is told in one sentence', () => {
  const full = openSync('/dev/full', 'w')
  const { status, stderr } = spawnSync(SCRIPT, ['score', ...base], {
    input: '{"uri":"/"}\n',
    stdio: ['pipe', full, 'pipe'],
    encoding: 'utf8',
  })
  closeSync(full)
  assert.equal(status, 1)
  assert.match(stderr, /^modwarden: cannot write the output: ENOSPC.*\n$/)
})
