import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { mulberry32 } from '../../../src/core/model/random.ts'
import { createReservoir } from '../../../src/core/scoring/reservoir.ts'
import { loadReservoir, samplesPath } from '../../../src/edge/scoring/reservoir-file.ts'

test('a start takes up all samples at once, however many a second of traffic may give', t => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-samples-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = samplesPath(folder)
  const line = (index: number) => JSON.stringify({ uri: `/item/${index}`, headers: { Host: `h${index % 3}.example` } })
  writeFileSync(path, Array.from({ length: 900 }, (_, index) => `${line(index)}\n`).join(''))
  const reservoir = createReservoir({ requests: 5000, bytes: 1e9, random: mulberry32(1), now: () => 0 })
  assert.equal(loadReservoir(path, reservoir), undefined)
  assert.deepEqual(reservoir.size().requests, 900)
  let written = 0
  for (let index = 0; index < 300; index++) reservoir.offer('h0.example', () => `${written++}`)
  assert.equal(written, 200, 'and none of them counts against the second')
})
