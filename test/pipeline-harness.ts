import assert from 'node:assert/strict'
import { appendFileSync, statSync } from 'node:fs'
import { createSplitter } from '../src/core/entry/split.ts'
import { createLocalOffset } from '../src/core/entry/time.ts'
import { parseSettings } from '../src/core/settings.ts'
import type { Batch, Entry } from '../src/core/types.ts'
import { loadBaseModel } from '../src/edge/model-file.ts'
import { openStore } from '../src/edge/store/store.ts'
import { handleBatch, type Pipeline } from '../src/pipeline.ts'
import { type FakeEntry, v3Entry } from './entries.ts'

/** The pipeline on a database of its own, fed with entries that `v3Entry` writes; they are written to `log` too where it is given. */
export function createPipelineHarness({
  values = {},
  path = ':memory:',
  log,
  isAllowed = () => false,
}: {
  isAllowed?: (ip: string) => boolean
  values?: Record<string, unknown>
  path?: string
  log?: string
} = {}) {
  const settings = parseSettings([{ name: 'test', values }])
  const model = loadBaseModel()
  assert.ok(settings.ok && model.ok)
  const time = { now: Math.floor(Date.now() / 1000) * 1000 }
  const store = openStore(path, { create: true })
  const live = { model: model.value }
  const pipeline: Pipeline = {
    store,
    model: () => live.model,
    settings: () => settings.value,
    isAllowed,
    clock: () => time.now,
    parseContext: { localOffsetMinutes: createLocalOffset() },
  }
  let offset = 0
  return {
    store,
    time,
    live,
    settings: settings.value,
    handle(entries: readonly FakeEntry[], trust: Entry['trust'] = 'full') {
      const text = entries.map(entry => v3Entry({ at: time.now, ...entry })).join('')
      if (log !== undefined) appendFileSync(log, text, 'latin1')
      const batch = toBatch(text, {
        log: log ?? '/log',
        inode: log === undefined ? 1n : statSync(log, { bigint: true }).ino,
        offset,
        trust,
      })
      offset += text.length
      return handleBatch(batch, pipeline)
    },
  }
}

type Place = { log: string; inode: bigint; offset: number; trust: Entry['trust'] }

function toBatch(text: string, { log, inode, offset, trust }: Place): Batch {
  const items = createSplitter({ offset })
    .push(Buffer.from(text, 'latin1'))
    .map(piece => {
      assert.ok(piece.kind === 'entry')
      const { start, end, format, text } = piece
      return { kind: 'entry' as const, log, inode, offset: start, length: end - start, format, text, trust }
    })
  const files = [{ device: 1n, inode, offset: offset + text.length, tail: '', head: '', done: false }]
  return { log, items, files, lostBytes: 0, pendingBytes: 0 }
}
