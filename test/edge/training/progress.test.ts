import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TrainingItem } from '../../../src/core/training/item.ts'
import { watchSource } from '../../../src/edge/training/progress.ts'

const ITEM: TrainingItem = { ok: false, problem: 'x', file: 'a', where: 'line 1' }
const source = {
  totalBytes: 1000,
  async *read(onBytes?: (bytes: number) => void) {
    for (let times = 0; times < 200; times++) {
      onBytes?.(5)
      yield ITEM
    }
  },
}

function terminal(isTTY: boolean) {
  const written: string[] = []
  return { isTTY, columns: 80, written, write: (text: string) => written.push(text) }
}

test('progress is shown on a terminal a few times a second, and is gone at the end', async () => {
  const screen = terminal(true)
  let now = 0
  const items = await Array.fromAsync(watchSource(source, { label: 'reading', terminal: screen, seconds: () => (now += 0.1) }))
  assert.equal(items.length, 200)
  assert.match(screen.written[0]!, /^\r\x1b\[Kreading \[\.{24}\] {3}0 %, 5 B of 1 KB/)
  assert.equal(screen.written.length, 3)
  assert.equal(screen.written.at(-1), '\r\x1b[K')
})

test('progress is gone when the reading is left early', async () => {
  const screen = terminal(true)
  for await (const _ of watchSource(source, { label: 'reading', terminal: screen })) break
  assert.equal(screen.written.at(-1), '\r\x1b[K')
})

test('nothing is written where there is no terminal', async () => {
  const screen = terminal(false)
  assert.equal((await Array.fromAsync(watchSource(source, { label: 'reading', terminal: screen }))).length, 200)
  assert.deepEqual(screen.written, [])
})
