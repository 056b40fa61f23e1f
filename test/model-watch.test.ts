import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createModelWatch } from '../src/model-watch.ts'
import { createPipelineHarness } from './pipeline-harness.ts'

test('the journal hears once when the health changes, once a day while it is bad, and when it is over', () => {
  const { store, handle, time, settings } = createPipelineHarness({ values: { health_min_detections: 2 } })
  const lines: string[] = []
  const write = (level: string) => (event: string, fields?: Readonly<Record<string, unknown>>) =>
    void lines.push(`${level} ${event} ${fields?.model_status} ${fields?.remedy === undefined ? '' : 'with remedy'}`.trim())
  const watch = createModelWatch({
    store,
    settings: () => settings,
    log: { info: write('info'), warn: write('warn'), error: write('error') },
    clock: () => time.now,
  })
  watch()
  assert.deepEqual(lines, [], 'nothing is amiss')
  handle([
    { ip: '192.0.2.1', loggedScore: 9 },
    { ip: '192.0.2.2', loggedScore: 9 },
  ])
  watch()
  watch()
  assert.deepEqual(lines, ['warn model.judged too_sensitive with remedy'])
  time.now += 23 * 3_600_000
  watch()
  assert.equal(lines.length, 1)
  time.now += 3_600_000
  handle([
    { ip: '192.0.2.1', loggedScore: 9 },
    { ip: '192.0.2.2', loggedScore: 9 },
  ])
  watch()
  assert.equal(lines.length, 2)
  time.now += 26 * 3_600_000
  watch()
  assert.equal(lines.at(-1), 'info model.judged normal')
  store.close()
})
