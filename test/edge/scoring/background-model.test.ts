import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { scoreRequest } from '../../../src/core/model/model.ts'
import { loadModel } from '../../../src/edge/model-file.ts'
import { activateModel } from '../../../src/edge/model-folder.ts'
import { openModelInBackground } from '../../../src/edge/scoring/background-model.ts'
import { baseModel, ordinaryRequests, trainedModel } from '../../core/model/samples.ts'

const silent = { info() {}, warn() {}, error() {} }

test('whatever becomes active scores as if the process had started with it', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-models-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const active = join(folder, 'active.json')
  const model = openModelInBackground(folder, silent)
  const own = { ...baseModel(), version: 'own-base' }
  const steps: Record<string, () => void> = {
    'a local one': () => activateModel(folder, { ...trainedModel({ count: 300 }), version: 'first' }),
    'another one': () => activateModel(folder, { ...trainedModel({ count: 250, seed: 2 }), version: 'second' }),
    'a base model of his own': () => activateModel(folder, own),
    'a local one after that': () => activateModel(folder, { ...trainedModel({ count: 250, seed: 3 }), version: 'third' }),
    'what cannot be read': () => writeFileSync(active, 'damaged'),
    none: () => rmSync(active),
  }
  const requests = ordinaryRequests(20, 9)
  let before = model.current()
  for (const [name, step] of Object.entries(steps)) {
    step()
    await model.refresh()
    const fresh = loadModel(folder)
    const expected = fresh.ok ? fresh.value : before
    const scores = (of: typeof expected) => requests.map(request => scoreRequest(of, request))
    assert.deepEqual([model.current().version, model.current().base.version], [expected.version, expected.base.version], name)
    assert.deepEqual(scores(model.current()), scores(expected), name)
    before = model.current()
  }
})
