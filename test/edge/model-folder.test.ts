import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { loadModel, readModel, saveModel } from '../../src/edge/model-file.ts'
import { activateModel, activateVersion, activeVersion, readHistory, rollBack } from '../../src/edge/model-folder.ts'
import { listModels, pruneModels } from '../../src/edge/model-list.ts'
import { withLock } from '../../src/edge/store/lock.ts'
import { assertSame, baseModel, trainedModel } from '../core/model/samples.ts'

const BASE = baseModel().version
const top = mkdtempSync(join(tmpdir(), 'model-folder-'))
after(() => rmSync(top, { recursive: true }))

const template = trainedModel({ count: 30 })
const modelOf = (version: string) => ({ ...template, version })
const newFolder = () => mkdtempSync(join(top, 'x-'))

/** Makes a folder with saved versions, each a minute older than the one before. */
function folderWith(versions: readonly string[]): string {
  const folder = newFolder()
  for (const [age, version] of versions.entries()) {
    const path = saveModel(folder, modelOf(version))
    const at = Date.now() / 1000 - 60 * age
    utimesSync(path, at, at)
  }
  return folder
}

const listed = (folder: string) =>
  [...listModels(folder)].map(({ version, isActive, isPrevious, problem }) => [
    version,
    isActive ? 'active' : isPrevious ? 'previous' : '',
    problem ?? '',
  ])

test('versions become active by name, and a rollback goes the way back to the base model', () => {
  const folder = folderWith(['a', 'b'])
  assert.equal(activeVersion(folder), 'base')
  assert.deepEqual(activateVersion(folder, 'a'), { ok: true, value: 'a' })
  activateModel(folder, modelOf('b'))
  assertSame(loadModel(folder), modelOf('b'))
  assert.deepEqual(rollBack(folder), { ok: true, value: { from: 'b', to: 'a', passedOver: [] } })
  assertSame(loadModel(folder), modelOf('a'))
  assert.deepEqual(rollBack(folder), { ok: true, value: { from: 'a', to: 'base', passedOver: [] } })
  assert.equal(activeVersion(folder), 'base')
  assert.equal(rollBack(folder).ok, false)
  activateModel(folder, modelOf('b'))
  assert.deepEqual(rollBack(folder), { ok: true, value: { from: 'b', to: 'base', passedOver: [] } })
})

test('the base model can be activated by either name, and left again', () => {
  for (const name of ['base', BASE]) {
    const folder = folderWith(['a'])
    activateVersion(folder, 'a')
    assert.deepEqual(activateVersion(folder, name), { ok: true, value: 'base' })
    assert.equal(activeVersion(folder), 'base')
    assert.deepEqual(rollBack(folder), { ok: true, value: { from: 'base', to: 'a', passedOver: [] } })
  }
})

test('a model that was never saved can be gone back to', () => {
  const folder = newFolder()
  activateModel(folder, modelOf('a'))
  activateModel(folder, modelOf('b'))
  assert.deepEqual(rollBack(folder), { ok: true, value: { from: 'b', to: 'a', passedOver: [] } })
})

test('a rollback passes over versions that are gone or damaged, and leaves a damaged active one', () => {
  const folder = folderWith(['a', 'b', 'c', 'd'])
  for (const version of ['a', 'b', 'c', 'd']) activateVersion(folder, version)
  rmSync(join(folder, 'c.json'))
  truncateSync(join(folder, 'b.json'), 1000)
  writeFileSync(join(folder, 'active.json'), 'damaged')
  const back = rollBack(folder)
  assert.ok(back.ok)
  assert.deepEqual([back.value.from, back.value.to], ['d', 'a'])
  assert.match(back.value.passedOver.join(), /ENOENT.*c\.json.*b\.json is no modwarden model/)
})

for (const { name, version, says } of [
  { name: 'one that is not there', version: 'none', says: /ENOENT/ },
  { name: 'a path', version: '../a', says: /no version of a model has such a name/ },
  { name: 'the file that scores', version: 'active', says: /no version/ },
  { name: 'a hidden file', version: '.history', says: /no version/ },
  { name: 'a file that holds another', version: 'copy', says: /copy\.json holds version a/ },
  { name: 'a damaged one', version: 'damaged', says: /damaged\.json is no modwarden model/ },
]) {
  test(`what cannot be activated leaves everything as it is: ${name}`, () => {
    const folder = folderWith(['a'])
    activateVersion(folder, 'a')
    copyFileSync(join(folder, 'a.json'), join(folder, 'copy.json'))
    writeFileSync(join(folder, 'damaged.json'), '{"modwarden_model":1}')
    const before = readFileSync(join(folder, '.history.json'))
    const activated = activateVersion(folder, version)
    assert.ok(!activated.ok)
    assert.match(activated.problem, says)
    assert.equal(activeVersion(folder), 'a')
    assert.deepEqual(readFileSync(join(folder, '.history.json')), before)
  })
}

test('what is no model is listed with its problem, at once', () => {
  const folder = folderWith(['a', 'b'])
  activateVersion(folder, 'b')
  execFileSync('mkfifo', [join(folder, 'pipe.json')])
  symlinkSync(join(folder, 'circle.json'), join(folder, 'circle.json'))
  mkdirSync(join(folder, 'folder.json'))
  writeFileSync(join(folder, 'large.json'), '')
  truncateSync(join(folder, 'large.json'), 2 ** 30)
  symlinkSync('/dev/zero', join(folder, 'device.json'))
  writeFileSync(join(folder, 'b d.json'), 'x')
  writeFileSync(join(folder, 'notes.txt'), 'x')
  const problems = Object.fromEntries(listed(folder).map(([version, , problem]) => [version, problem]))
  const expected: Record<string, RegExp> = {
    a: /^$/,
    b: /^$/,
    [BASE]: /^$/,
    pipe: /is no file/,
    circle: /ELOOP/,
    folder: /is no file/,
    large: /too large/,
    device: /is no file/,
    'b d': /no version of a model has such a name/,
  }
  assert.deepEqual(Object.keys(problems).sort(), Object.keys(expected).sort())
  for (const [version, problem] of Object.entries(expected)) assert.match(problems[version]!, problem, version)
})

test('the list says what is active, where a rollback leads, and what is wrong with the file that scores', () => {
  const folder = folderWith(['a', 'b'])
  assert.deepEqual(listed(folder), [
    ['a', '', ''],
    ['b', '', ''],
    [BASE, 'active', ''],
  ])
  activateVersion(folder, 'b')
  activateVersion(folder, 'a')
  assert.deepEqual(listed(folder), [
    ['a', 'active', ''],
    ['b', 'previous', ''],
    [BASE, '', ''],
  ])
  rmSync(join(folder, 'a.json'))
  assert.deepEqual(listed(folder)[0], ['a', 'active', ''])
  rmSync(join(folder, '.history.json'))
  writeFileSync(join(folder, 'active.json'), 'damaged')
  assert.deepEqual(listed(folder)[0], ['unknown', 'active', 'active.json is no modwarden model; activate a version or roll back'])
  assert.deepEqual(listed(join(folder, 'none')), [[BASE, 'active', '']])
})

test('hostile state files are no trouble: what was active is forgotten, nothing hangs', () => {
  const folder = folderWith(['a', 'b'])
  execFileSync('mkfifo', [join(folder, '.history.json')])
  assert.deepEqual(readHistory(folder), [])
  assert.ok(activateVersion(folder, 'a').ok)
  assert.deepEqual(readHistory(folder), ['base', 'a'])
  rmSync(join(folder, '.history.json'))
  symlinkSync('.history.json', join(folder, '.history.json'))
  assert.ok(activateVersion(folder, 'b').ok)
  assert.deepEqual(readHistory(folder), ['a', 'b'])
  writeFileSync(join(folder, '.lock'), 'x'.repeat(5000))
  assert.throws(() => activateVersion(folder, 'a'), /cannot lock .*\.lock: file is not a database/)
  assert.equal(activeVersion(folder), 'b')
})

test('ten versions that do not score are kept, the newest and those that were active last; others are never removed', () => {
  const versions = Array.from({ length: 14 }, (_, age) => `v${age}`)
  const folder = folderWith(versions)
  for (const version of ['v13', 'v12', 'v11']) activateVersion(folder, version)
  writeFileSync(join(folder, 'foreign.json'), '{}')
  const unfinished = join(folder, '.v1.json.1-1.new')
  writeFileSync(unfinished, '')
  assert.deepEqual(
    pruneModels(folder, Date.now()).map(path => path.slice(folder.length)),
    ['/v8.json', '/v9.json', '/v10.json'],
  )
  const kept = readdirSync(folder).filter(name => /^v\d+\.json$/.test(name))
  assert.equal(kept.length, 11)
  assert.ok(['v11', 'v12', 'v13', 'v0', 'v7'].every(version => kept.includes(`${version}.json`)))
  assert.deepEqual([existsSync(join(folder, 'foreign.json')), existsSync(unfinished)], [true, true])
  pruneModels(folder, Date.now() + 3_700_000)
  assert.equal(existsSync(unfinished), false)
})

test('a version whose active copy is damaged is not listed as if it scored', () => {
  const folder = folderWith(['a', 'b'])
  activateVersion(folder, 'b')
  truncateSync(join(folder, 'active.json'), 3000)
  assert.deepEqual(listed(folder), [
    ['b', 'active', 'active.json is no modwarden model; activate a version or roll back'],
    ['a', '', ''],
    ['b', '', ''],
    [BASE, 'previous', ''],
  ])
  activateVersion(folder, 'b')
  assert.deepEqual(listed(folder).slice(0, 2), [
    ['a', '', ''],
    ['b', 'active', ''],
  ])
})

test('an activation that fails leaves the way back as it was', () => {
  const folder = folderWith(['a', 'b'])
  activateVersion(folder, 'a')
  rmSync(join(folder, 'active.json'))
  // As little can be written in the place of a folder as on a full disk.
  mkdirSync(join(folder, 'active.json'))
  assert.throws(() => activateVersion(folder, 'b'), /^Error: cannot write .*active\.json: /)
  assert.deepEqual(readHistory(folder), ['base', 'a'])
})

test('a version that could leave the folder is not saved', () => {
  for (const version of ['../x', '..', '', 'active', '.x'])
    assert.throws(() => saveModel(newFolder(), modelOf(version)), /cannot be the name/)
})

test('processes that activate at once leave one whole model, which is the end of the history', async () => {
  const versions = ['a', 'b', 'c', 'd']
  const folder = folderWith(versions)
  const script = `
    import { activateVersion } from '${new URL('../../src/edge/model-folder.ts', import.meta.url)}'
    for (let round = 0; round < 6; round++) if (!activateVersion(process.argv[1], process.argv[2]).ok) process.exit(1)`
  const codes = versions.map(async version => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, folder, version], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    return (await once(child, 'exit'))[0]
  })
  assert.deepEqual(await Promise.all(codes), [0, 0, 0, 0])
  const active = readModel(join(folder, 'active.json'))
  assert.ok(active.ok)
  assert.equal(readHistory(folder).at(-1), active.value.version)
  assert.equal(readdirSync(folder).filter(name => name.endsWith('.new')).length, 0)
  assert.ok(rollBack(folder).ok)
})

test('a lock is free again after its holder failed or died', async () => {
  const path = join(newFolder(), '.lock')
  assert.throws(
    () =>
      withLock(path, () => {
        throw new Error('failed')
      }),
    /failed/,
  )
  const script = `
    import { withLock } from '${new URL('../../src/edge/store/lock.ts', import.meta.url)}'
    withLock(process.argv[1], () => { process.stdout.write('held'); process.kill(process.pid, 'SIGKILL') })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], { stdio: 'ignore' })
  assert.equal((await once(child, 'exit'))[1], 'SIGKILL')
  assert.equal(
    withLock(path, () => 'free'),
    'free',
  )
})
