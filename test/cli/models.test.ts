import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { saveModel } from '../../src/edge/model-file.ts'
import { baseModel, trainedModel } from '../core/model/samples.ts'
import { modwarden, openFolder } from './modwarden.ts'

const BASE = baseModel().version
const folder = openFolder('models-')
after(() => rmSync(folder, { recursive: true }))

const template = { ...trainedModel({ count: 30 }), trainedAt: Date.UTC(2026, 10, 25), summary: { verdict: 'fit to score' } }

let folders = 0
function folderWith(...versions: string[]): string {
  const path = join(folder, `m${folders++}`)
  mkdirSync(path)
  chmodSync(path, 0o777)
  for (const version of versions) chmodSync(saveModel(path, { ...template, version }), 0o644)
  return path
}

const models = (path: string, ...args: string[]) => modwarden(['models', ...args, '--model-dir', path])

test('models lists, activates and goes back', async () => {
  const path = folderWith('one', 'two')
  writeFileSync(join(path, 'bad\x1b[2J.json'), 'x')
  const activated = await models(path, 'activate', 'one')
  assert.deepEqual([activated.code, activated.out], [0, 'one is active; a running daemon takes it up within a minute\n'])
  await models(path, 'activate', 'two')
  const list = await models(path)
  assert.equal(list.code, 0)
  assert.match(list.out, /^VERSION +STATE +TRAINED +REQUESTS +SIZE +NOTE\n/)
  assert.match(list.out, /\ntwo +active +[^-]+ ago +30 +0\.\d MB +fit to score\n/)
  assert.match(list.out, /\none +previous /)
  assert.match(list.out, /\nbad\\x1b\[2J +damaged +- +- +0\.0 MB +no version of a model has such a name\n/)
  assert.match(list.out, new RegExp(`\n${BASE} +ok +with the program `))
  assert.match((await models(path, 'rollback')).out, /^one is active again, two no longer;/)
  assert.match((await models(path, 'rollback')).out, /^the base model is active again, one no longer;/)
  const none = await models(path, 'rollback')
  assert.deepEqual([none.code, none.errors], [1, 'modwarden: the base model is active, and none was before it\n'])
})

test('models --json is one object a line', async () => {
  const path = folderWith('one')
  assert.deepEqual((await models(path, 'activate', 'one', '--json')).objects(), [{ version: 'one', active: true }])
  const [first, base] = (await models(path, 'list', '--json')).objects()
  const { size, ...rest } = first
  assert.ok(size > 1000)
  assert.deepEqual(rest, {
    version: 'one',
    active: true,
    previous: false,
    state: 'ok',
    problem: null,
    trained_at: '2026-11-25T00:00:00.000Z',
    trained_on: 30,
    note: 'fit to score',
    path: join(path, 'one.json'),
  })
  assert.deepEqual([base.version, base.active, base.previous], [BASE, false, true])
  assert.deepEqual((await models(path, 'rollback', '--json')).objects(), [{ version: 'base', active: true, rolled_back_from: 'one' }])
})

test('models of a folder that is not there are the base model', async () => {
  const { code, objects } = await models(join(folder, 'none'), '--json')
  assert.equal(code, 0)
  assert.deepEqual(
    objects().map(({ version, active }) => [version, active]),
    [[BASE, true]],
  )
})

for (const { name, args, code, says } of [
  { name: 'an unknown action', args: ['delete'], code: 64, says: /must be list, activate or rollback, got 'delete'/ },
  { name: 'no version', args: ['activate'], code: 64, says: /name the version/ },
  { name: 'a version too many', args: ['rollback', 'one'], code: 64, says: /takes no version, got 'one'/ },
  {
    name: 'a version that is not there',
    args: ['activate', 'none'],
    code: 1,
    says: /cannot activate 'none': cannot read the model: ENOENT/,
  },
  { name: 'a path', args: ['activate', '../one'], code: 1, says: /no version of a model has such a name/ },
]) {
  test(`models refuses ${name} with ${code}`, async () => {
    const run = await models(folderWith('one'), ...args)
    assert.equal(run.code, code)
    assert.match(run.errors, says)
    assert.doesNotMatch(run.errors, / {4}at |node:internal/)
  })
}
