import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { byNumber, createHarness, type Harness } from './harness.ts'

const ACTIONS = [
  'write',
  'write',
  'piece',
  'rotate',
  'rotate without create',
  'rotate, writer stays',
  'reopen',
  'copytruncate',
  'copytruncate, watched',
  'meanwhile',
  'compress',
  'compress, watched',
  'look',
  'look',
  'drain',
  'kill',
  'kill before the commit',
  'wait',
] as const
type Action = (typeof ACTIONS)[number]

/** A web server and a logrotate that act on the log of a harness. The writer appends through a descriptor, as real ones do. */
function createWorld(h: Harness) {
  let fd = openSync(h.log, 'a')
  let rest = ''
  let isLate = false

  const finishPiece = () => {
    if (rest !== '') writeSync(fd, rest)
    rest = ''
  }
  const reopen = () => {
    finishPiece()
    closeSync(fd)
    fd = openSync(h.log, 'a')
    isLate = false
  }
  const shift = () => {
    for (let place = 30; place > 0; place--) {
      for (const end of ['', '.gz'])
        if (existsSync(`${h.log}.${place}${end}`)) renameSync(`${h.log}.${place}${end}`, `${h.log}.${place + 1}${end}`)
    }
  }

  /** Makes a file in steps, with a look at each. */
  const growing = async (path: string, content: Buffer, sizes: readonly number[]) => {
    for (const size of sizes) {
      writeFileSync(path, content.subarray(0, size), { flag: 'a+' })
      truncateSync(path, size)
      await h.look()
    }
    const file = openSync(path, 'r+')
    writeSync(file, content, 0, content.length, 0)
    closeSync(file)
  }

  return async (action: Action, size: number) => {
    switch (action) {
      case 'write':
        finishPiece()
        for (let index = 0; index < size % 5; index++) writeSync(fd, h.entry(size))
        return
      case 'piece': {
        finishPiece()
        const text = h.entry(size)
        writeSync(fd, text.slice(0, size % text.length))
        rest = text.slice(size % text.length)
        return
      }
      case 'rotate':
      case 'rotate without create':
      case 'rotate, writer stays':
        // A writer that is late twice would write to a file that logrotate may already have compressed.
        if (isLate || !existsSync(h.log)) return
        shift()
        renameSync(h.log, `${h.log}.1`)
        if (action === 'rotate') return reopen()
        isLate = true
        if (action === 'rotate, writer stays') appendFileSync(h.log, '')
        return
      case 'reopen':
        return reopen()
      case 'copytruncate':
        if (isLate) return
        finishPiece()
        shift()
        copyFileSync(h.log, `${h.log}.1`)
        truncateSync(h.log)
        return
      case 'meanwhile': {
        // The next look sees a rotation in each of its states; nothing is written between the copy and the truncation.
        const steps: (() => void)[] = []
        const isCopy = size % 3 > 0
        steps.push(() => {
          if (isLate || !existsSync(h.log)) return
          finishPiece()
          shift()
          if (!isCopy) {
            renameSync(h.log, `${h.log}.1`)
            return reopen()
          }
          copyFileSync(h.log, `${h.log}.1`)
        })
        if (isCopy)
          steps.push(() => {
            if (!isLate && existsSync(h.log)) truncateSync(h.log)
          })
        steps.push(() => {
          finishPiece()
          for (let index = 0; index < size % 4; index++) writeSync(fd, h.entry(size))
        })
        if (size % 2 === 0) steps.push(...steps)
        for (const [index, happens] of steps.entries()) h.meanwhile.push({ after: (size >> (index % 8)) % 4, happens })
        await h.look()
        while (h.meanwhile.length > 0) h.meanwhile.shift()!.happens()
        return
      }
      case 'copytruncate, watched': {
        if (isLate) return
        finishPiece()
        shift()
        const text = readFileSync(h.log)
        await growing(`${h.log}.1`, text, [0, size % (text.length + 1)])
        truncateSync(h.log)
        return
      }
      case 'compress, watched':
        if (isLate || !existsSync(`${h.log}.1`)) return
        await growing(`${h.log}.1.gz`, gzipSync(readFileSync(`${h.log}.1`)), [0, size % 20])
        return unlinkSync(`${h.log}.1`)
      case 'compress':
        if (!isLate && existsSync(`${h.log}.1`)) execFileSync('gzip', ['-f', `${h.log}.1`])
        return
      case 'look':
        return void (await h.look())
      case 'drain':
        return h.drain()
      case 'kill':
        return h.kill()
      case 'kill before the commit':
        return h.lookInVain()
      case 'wait':
        if (isLate) return
        h.time.now += 70_000
        return
    }
  }
}

test('whatever writers, logrotate and kills do, every entry comes once', async () => {
  const action = fc.tuple(fc.constantFrom(...ACTIONS), fc.nat(1500))
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 40 }), fc.integer({ min: 1, max: 20 }), async (actions, mostItems) => {
      const h = createHarness({ mostItems })
      try {
        const act = createWorld(h)
        await h.drain()
        for (const [what, size] of actions) await act(what, size)
        await act('reopen', 0)
        await h.drain()
        await h.rest()
        assert.deepEqual([...h.committed].sort(byNumber), h.made())
        assert.deepEqual(h.skipped, [])
        assert.equal(h.lostBytes(), 0)
      } finally {
        h.remove()
      }
    }),
    { numRuns: Number(process.env.MODWARDEN_RUNS ?? 400), seed: Number(process.env.MODWARDEN_SEED ?? 7) },
  )
})
