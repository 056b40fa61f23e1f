import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { closeSiblings, openSiblings } from '../../../src/edge/follow/siblings.ts'

/** Moves the rotated files one place up and then one place down again, as fast as it can. */
const SHIFTER = `
const { renameSync } = require('node:fs')
const { parentPort, workerData: { log, count, stop } } = require('node:worker_threads')
parentPort.postMessage('at work')
while (Atomics.load(stop, 0) === 0) {
  for (let place = count; place > 0; place--) renameSync(log + '.' + place, log + '.' + (place + 1))
  for (let place = 1; place <= count; place++) renameSync(log + '.' + (place + 1), log + '.' + place)
  Atomics.wait(stop, 0, 0, Math.random() * 5)
}`

test('every rotated file is seen, also while a rotation renames them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-siblings-'))
  const log = join(folder, 'audit.log')
  const count = 12
  const stop = new Int32Array(new SharedArrayBuffer(4))
  for (let place = 1; place <= count; place++) writeFileSync(`${log}.${place}`, `content of ${place}`.repeat(20))
  const shifter = new Worker(SHIFTER, { eval: true, workerData: { log, count, stop } })
  try {
    await new Promise(resolve => shifter.once('message', resolve))
    for (let look = 0; look < 400; look++) {
      const siblings = openSiblings(log, [])
      const inodes = new Set(siblings.map(({ inode }) => inode))
      closeSiblings(siblings)
      assert.equal(inodes.size, count, `look ${look}`)
      assert.equal(siblings.length, count, `look ${look}: none twice`)
    }
  } finally {
    Atomics.store(stop, 0, 1)
    Atomics.notify(stop, 0)
    await new Promise(resolve => shifter.once('exit', resolve))
    rmSync(folder, { recursive: true })
  }
})
