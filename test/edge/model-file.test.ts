import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { scoreRequest } from '../../src/core/model/model.ts'
import { baseVersion, loadBaseModel, loadModel, openModel, readModel, saveModel } from '../../src/edge/model-file.ts'
import { activateModel } from '../../src/edge/model-folder.ts'
import { assertSame, baseModel, requestTo, trainedModel } from '../core/model/samples.ts'

const BASE = baseModel().version
const top = mkdtempSync(join(tmpdir(), 'models-'))
after(() => rmSync(top, { recursive: true }))

const first = { ...trainedModel({ count: 30 }), version: 'first' }
const second = { ...trainedModel({ count: 30, seed: 2 }), version: 'second' }
const newFolder = () => mkdtempSync(join(top, 'x-'))

/** A log that keeps what it is told. */
function createTold() {
  const told: string[] = []
  const keep = (event: string, fields: object = {}) => void told.push(`${event} ${JSON.stringify(fields)}`)
  return { told, log: { info: keep, warn: keep, error: keep } }
}

function versionIn(folder: string): string | undefined {
  const model = loadModel(folder)
  return model.ok ? model.value.version : undefined
}

test('the base model ships, and calls ordinary what is ordinary', () => {
  const base = loadBaseModel()
  assert.ok(base.ok)
  assert.match(BASE, /^base-\d+$/)
  assert.equal(base.value.version, BASE)
  assert.ok(base.value.trainedOn > 10_000)
  assert.ok(scoreRequest(base.value, requestTo('/index.html')).score < 5)
  const { score, capped, ceiling } = scoreRequest(base.value, requestTo(`/?id=${'%27%20UNION%20SELECT%20'.repeat(60)}`))
  assert.ok(score > 5 && score <= 6.9)
  assert.deepEqual([capped, ceiling], [true, 6.9])
})

test('the version of the base model is read from the beginning of its file', () => assert.equal(baseVersion(), BASE))

test('a folder without an active model, or no folder, gives the base model', () => {
  const folder = newFolder()
  saveModel(folder, first)
  assert.deepEqual([folder, join(folder, 'none')].map(versionIn), [BASE, BASE])
})

test('the model that was activated last scores, and is read as it was written', () => {
  const folder = join(newFolder(), 'made', 'when-needed')
  activateModel(folder, first)
  assertSame(loadModel(folder), first)
  activateModel(folder, second)
  assert.equal(versionIn(folder), 'second')
})

test('a saved model has its version as a name, is closed to others, and leaves no half file', () => {
  const folder = newFolder()
  const path = saveModel(folder, first)
  assert.equal(path, join(folder, 'first.json'))
  assert.equal(statSync(path).mode & 0o007, 0)
  assert.deepEqual(readdirSync(folder), ['first.json'])
})

test('a model that is too large to be read back is not kept', () => {
  const folder = newFolder()
  const large = { ...first, summary: { hosts: 'x'.repeat(64 * 1024 * 1024) } }
  assert.throws(() => saveModel(folder, large), /the model is too large and was not kept/)
  assert.deepEqual(readdirSync(folder), [])
})

test('a damaged, huge or missing file, a folder, a pipe and a circle of links are problems that name it', () => {
  const folder = newFolder()
  const path = join(folder, 'active.json')
  const cases: [problem: RegExp, make: () => void][] = [
    [/active\.json is no modwarden model/, () => writeFileSync(path, readFileSync(saveModel(folder, first)).subarray(0, 999))],
    [/active\.json is too large for a model \(67108865 bytes\)/, () => truncateSync(path, 64 * 1024 * 1024 + 1)],
    [/cannot read the model: ENOENT.*active\.json/, () => rmSync(path)],
    [/cannot read the model: ELOOP.*active\.json/, () => symlinkSync(path, path)],
  ]
  for (const [problem, make] of cases) {
    make()
    const read = readModel(path)
    assert.ok(!read.ok)
    assert.match(read.problem, problem)
  }
  assert.ok(!loadModel(folder).ok)
  rmSync(path)
  execFileSync('mkfifo', [path])
  assert.deepEqual(loadModel(folder), { ok: false, problem: `${path} is no file` })
  assert.deepEqual(readModel(folder), { ok: false, problem: `${folder} is no file` })
})

test('an open model follows what is activated, keeps the last good one and tells each change once', () => {
  const folder = newFolder()
  const path = join(folder, 'active.json')
  const { told, log } = createTold()
  const model = openModel(folder, log)
  const look = () => {
    model.refresh()
    model.refresh()
    return [model.current().version, told.splice(0).map(line => line.replaceAll(top, ''))]
  }
  assert.deepEqual(look(), [BASE, []])
  activateModel(folder, first)
  assert.deepEqual(look(), ['first', ['model.activated {"model":"first"}']])
  writeFileSync(path, 'damaged')
  const [kept, problems] = look()
  assert.equal(kept, 'first')
  assert.equal(problems?.length, 1)
  assert.match(String(problems), /^model\.refused .*is no modwarden model","kept":"first"/)
  rmSync(path)
  symlinkSync(path, path)
  assert.match(String(look()), /^first,model\.refused .*ELOOP/)
  rmSync(path)
  activateModel(folder, second)
  assert.equal(look()[0], 'second')
  rmSync(path)
  assert.deepEqual(look(), [BASE, [`model.activated {"model":"${BASE}"}`]])
})

test('a start with a damaged model scores by the base model and says so', () => {
  const folder = newFolder()
  writeFileSync(join(folder, 'active.json'), 'damaged')
  const { told, log } = createTold()
  assert.equal(openModel(folder, log).current().version, BASE)
  assert.match(told.join(), /^model\.refused .*"kept":"the base model"/)
})
