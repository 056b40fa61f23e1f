import assert from 'node:assert/strict'
import { createSplitter } from '../src/core/entry/split.ts'
import { createLocalOffset } from '../src/core/entry/time.ts'
import { parseSettings } from '../src/core/settings.ts'
import type { Batch, Entry } from '../src/core/types.ts'
import { loadBaseModel } from '../src/edge/model-file.ts'
import { openStore } from '../src/edge/store/store.ts'
import { handleBatch, type Pipeline } from '../src/pipeline.ts'
import { type FakeEntry, v3Entry } from './entries.ts'

export const NOW = Math.floor(Date.now() / 1000) * 1000
const base = loadBaseModel()
assert.ok(base.ok)
const model = base.value

/** A pipeline on a database of its own, with a clock to be set. */
export function setUp(values: Record<string, unknown> = {}, path = ':memory:', isAllowed: (ip: string) => boolean = () => false) {
  const settings = parseSettings([{ name: 'test', values }])
  assert.ok(settings.ok)
  const store = openStore(path, { create: true })
  const time = { now: NOW }
  const pipeline: Pipeline = {
    store,
    model: () => model,
    settings: () => settings.value,
    isAllowed,
    clock: () => time.now,
    parseContext: { localOffsetMinutes: createLocalOffset() },
  }
  return {
    store,
    time,
    handle: (entries: FakeEntry[], trust: Entry['trust'] = 'full') => handleBatch(toBatch(entries, trust), pipeline),
    pipeline,
  }
}

export function toBatch(entries: FakeEntry[], trust: Entry['trust']): Batch {
  const text = entries.map(entry => v3Entry({ at: NOW, ...entry })).join('')
  const pieces = createSplitter({ offset: 0 }).push(Buffer.from(text, 'latin1'))
  const items = pieces.map(piece => {
    assert.ok(piece.kind === 'entry')
    return {
      kind: 'entry' as const,
      log: '/log',
      inode: 1n,
      offset: piece.start,
      length: piece.end - piece.start,
      format: piece.format,
      text: piece.text,
      trust,
    }
  })
  return {
    log: '/log',
    items,
    files: [{ device: 1n, inode: 1n, offset: text.length, tail: '', head: '', done: false }],
    lostBytes: 0,
    pendingBytes: 0,
  }
}

export const times = (count: number, entry: FakeEntry) => Array.from({ length: count }, () => entry)
export const reasons = (handled: { blocks: readonly { reason: string }[] }) => handled.blocks.map(block => block.reason)
