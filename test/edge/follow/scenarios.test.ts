import assert from 'node:assert/strict'
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { createHarness, gzip, rotated, scenario } from './harness.ts'

scenario('entries that are written in pieces', async h => {
  for (let index = 0; index < 20; index++) {
    const text = h.entry()
    for (const [from, to] of [
      [0, 100],
      [100, 101],
      [101, text.length - 1],
      [text.length - 1, text.length],
    ] as const) {
      appendFileSync(h.log, text.slice(from, to))
      await h.drain()
    }
  }
})

scenario('rename and create', async h => {
  h.write(3)
  await h.drain()
  h.write(2)
  renameSync(h.log, rotated(h))
  h.write(3)
})

scenario('a writer that reopens late', async h => {
  h.write(2)
  await h.drain()
  renameSync(h.log, rotated(h))
  await h.drain()
  h.write(2, rotated(h))
  await h.drain()
  h.write(2)
  await h.drain()
  h.write(2, rotated(h))
})

scenario('two writers on both sides of a rotation', async h => {
  h.write(2)
  await h.drain()
  renameSync(h.log, rotated(h))
  for (let index = 0; index < 10; index++) {
    h.write(1, rotated(h))
    h.write(1)
    if (index % 3 === 0) await h.drain()
  }
})

scenario('a writer that never reopens, over hours and into a deleted file', async h => {
  const fd = openSync(h.log, 'a')
  writeSync(fd, h.entry())
  await h.drain()
  renameSync(h.log, rotated(h))
  writeFileSync(h.log, '')
  for (let hour = 0; hour < 5; hour++) {
    h.time.now += 3_600_000
    await h.drain()
    writeSync(fd, h.entry())
    if (hour === 2) unlinkSync(rotated(h))
  }
  await h.drain()
  assert.ok(h.events().includes('log.stale-writer'))
  closeSync(fd)
})

scenario('an old file is left once it is quiet for a minute and its successor grows', async h => {
  h.write(1)
  await h.drain()
  renameSync(h.log, rotated(h))
  h.write(1)
  await h.drain()
  h.time.now += 59_000
  await h.drain()
  assert.equal(h.state().filter(file => !file.done).length, 2)
  h.time.now += 2_000
  await h.drain()
  assert.equal(h.state().filter(file => !file.done).length, 1)
})

scenario('copytruncate when all was read', async h => {
  h.write(3)
  await h.drain()
  copyFileSync(h.log, rotated(h))
  truncateSync(h.log)
  await h.drain()
  h.write(3)
})

scenario('copytruncate with an unread rest, which is read from the copy', async h => {
  h.write(3)
  await h.drain()
  h.write(3)
  copyFileSync(h.log, rotated(h))
  truncateSync(h.log)
  h.write(1)
})

scenario('copytruncate in the middle of an entry', async h => {
  h.write(3)
  const text = h.entry()
  appendFileSync(h.log, text.slice(0, 300))
  await h.drain()
  appendFileSync(h.log, text.slice(300))
  copyFileSync(h.log, rotated(h))
  truncateSync(h.log)
  h.write(1)
})

scenario('copytruncate, regrown past the old offset', async h => {
  h.write(3)
  await h.drain()
  h.write(1)
  copyFileSync(h.log, rotated(h))
  truncateSync(h.log)
  h.write(30)
})

scenario('delete and create', async h => {
  h.write(3)
  await h.drain()
  h.write(2)
  unlinkSync(h.log)
  h.write(2)
  await h.drain()
})

scenario('several rotations between two looks', async h => {
  h.write(2)
  await h.drain()
  for (let generation = 4; generation > 0; generation--) {
    h.write(2)
    renameSync(h.log, rotated(h, `.${generation}`))
  }
  h.write(2)
})

scenario('.1, then .gz', async h => {
  h.write(2)
  await h.drain()
  h.write(2)
  renameSync(h.log, rotated(h))
  h.write(2)
  await h.drain()
  gzip(rotated(h))
  h.write(2)
  await h.drain()
  renameSync(rotated(h, '.1.gz'), rotated(h, '.2.gz'))
  renameSync(h.log, rotated(h))
  h.write(1)
})

scenario('a symlink that is swapped', async h => {
  const [first, second] = [join(h.folder, 'first'), join(h.folder, 'second')]
  writeFileSync(first, '')
  symlinkSync(first, h.log)
  h.write(2)
  await h.drain()
  h.write(1)
  unlinkSync(h.log)
  symlinkSync(second, h.log)
  h.write(2)
  await h.drain()
  h.write(2, first)
})

scenario(
  'a log in a folder that is not there yet',
  async h => {
    rmdirSync(h.folder)
    await h.drain()
    assert.deepEqual(h.events(), ['log.waiting'])
    mkdirSync(h.folder)
    h.write(2)
  },
  { fromStart: false },
)

test('the past of a log is left out, a whole entry at its end is not cut', async () => {
  const h = createHarness({ fromStart: false })
  h.write(3)
  const next = h.entry()
  appendFileSync(h.log, next.slice(0, 50))
  writeFileSync(rotated(h), h.entry())
  await h.drain()
  appendFileSync(h.log, next.slice(50))
  await h.drain()
  assert.deepEqual(h.committed, ['n3'])
  h.remove()
})

test('what a truncation destroyed is counted and told', async () => {
  const h = createHarness()
  h.write(2)
  await h.drain()
  appendFileSync(h.log, 'x'.repeat(300))
  await h.drain()
  truncateSync(h.log)
  h.write(1)
  await h.drain()
  assert.deepEqual(h.committed, ['n0', 'n1', 'n2'])
  assert.equal(h.skipped.length, 1)
  assert.ok(h.events().includes('log.truncated'))
  h.remove()
})

test('a log that cannot be opened for a while is told once and read later', async t => {
  if (process.getuid?.() !== 0) return t.skip('needs root to give up root')
  const h = createHarness()
  mkdirSync(h.log)
  await h.drain()
  await h.drain()
  assert.deepEqual(h.events(), ['log.unreadable'])
  rmSync(h.log, { recursive: true })
  h.write(2)
  await h.drain()
  assert.deepEqual(h.committed, h.made())
  h.remove()
})

test('an entry over 16 MiB is skipped in constant memory, and the next one comes', async () => {
  const h = createHarness()
  h.write(1)
  // No string of it is so long that cutting it would help.
  appendFileSync(h.log, `{"transaction":{"x":[${'"x",'.repeat((17 * 1024 * 1024) / 4)}"x"]}}\n`)
  h.write(1)
  await h.drain()
  assert.deepEqual(h.committed, ['n0', 'n1'])
  assert.equal(h.skipped.length, 1)
  assert.ok(existsSync(dirname(h.log)))
  h.remove()
})
