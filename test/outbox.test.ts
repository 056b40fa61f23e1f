import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { type Message, readMessage, readName, total } from '../src/core/notification/message.ts'
import { type OutboxFiles, openOutboxFiles } from '../src/edge/notification/outbox-files.ts'
import { createOutbox } from '../src/outbox.ts'

const MOST = 8

/** An outbox on a folder of its own, whose daemon can be killed at any of its steps, and whose disk can be full. */
function setUp() {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-outbox-'))
  const real = openOutboxFiles(folder)
  const world = { now: 1_700_000_000_000, stepsToLive: Number.POSITIVE_INFINITY, isFull: false, written: 0 }
  const delivered: Message[] = []
  let waiting: (() => void)[] = []

  /** The files as one life of the daemon sees them. */
  function filesOf(life: { isDead: boolean }): OutboxFiles {
    const step = async <T>(work: () => Promise<T>): Promise<T> => {
      if (world.stepsToLive-- <= 0) life.isDead = true
      return life.isDead ? new Promise(() => {}) : work()
    }
    return {
      list: () => step(real.list),
      read: name => step(() => real.read(name)),
      remove: name => step(() => real.remove(name)),
      tidy: () => step(real.tidy),
      put: (name, text) =>
        step(async () => {
          if (world.isFull) throw new Error('ENOSPC')
          await real.put(name, text)
          if (readName(name)!.kind !== 'dropped') world.written++
        }),
    }
  }

  const pause = (_: number, signal: AbortSignal) =>
    new Promise<void>(resolve => {
      waiting.push(resolve)
      signal.addEventListener('abort', () => resolve())
    })
  let life = { isDead: false }
  const start = () =>
    createOutbox({ files: filesOf(life), clock: () => world.now, newId: randomUUID, pause, mostFiles: MOST, mostQueued: MOST })
  let outbox = start()

  return {
    folder,
    real,
    world,
    delivered,
    outbox: () => outbox,
    names: () =>
      readdirSync(folder)
        .filter(name => readName(name) !== undefined)
        .sort(),

    /** Waits until everything is written, or waits for better times, or the daemon is dead. */
    async settle(): Promise<void> {
      const state = { isSettled: false }
      void outbox.settled().then(() => {
        state.isSettled = true
      })
      while (!state.isSettled && waiting.length === 0 && !life.isDead) await setImmediate()
    },
    /** Lets the time between two attempts pass. */
    async tick(): Promise<void> {
      const all = waiting
      waiting = []
      for (const go of all) go()
      await this.settle()
    },
    kill(): void {
      life.isDead = true
      life = { isDead: false }
      world.stepsToLive = Number.POSITIVE_INFINITY
      waiting = []
      outbox = start()
    },
    /** Delivers the oldest messages, as the notifier does. */
    async take(count: number): Promise<void> {
      for (const name of (await real.list()).slice(0, count)) {
        const read = readMessage(await real.read(name))
        assert.ok(read.ok, name)
        delivered.push(read.value)
        await real.remove(name)
      }
    },
    async accounted(): Promise<number> {
      const present = await Promise.all((await real.list()).map(async name => readMessage(await real.read(name))))
      const all = [...delivered, ...present.flatMap(read => (read.ok ? read.value : []))]
      return all.reduce((sum, message) => sum + (message.kind === 'dropped' ? total(message.counts) : 1), 0)
    },
    remove: () => rmSync(folder, { recursive: true }),
  }
}

const put = (box: ReturnType<typeof setUp>, number: number) =>
  box.outbox().put({ kind: 'block', event: 'address.blocked', fields: { number } })
const numbers = (messages: readonly Message[]) =>
  messages.flatMap(message => ('fields' in message ? (message.fields.number as number) : []))

test('a message is a whole file that the group may read', async () => {
  const box = setUp()
  put(box, 1)
  assert.deepEqual(box.names(), [], 'put waits for nothing')
  await box.settle()
  const [name] = box.names()
  assert.equal(statSync(join(box.folder, name!)).mode & 0o777, 0o640)
  await box.take(1)
  assert.deepEqual(
    { ...box.delivered[0], id: '' },
    { kind: 'block', id: '', at: box.world.now, event: 'address.blocked', fields: { number: 1 } },
  )
  box.remove()
})

test('a full outbox sums up its older half, and sums up the sums', async () => {
  const box = setUp()
  for (let number = 1; number <= 100; number++) {
    put(box, number)
    await box.settle()
    assert.ok(box.names().length <= MOST, `${box.names().length} files`)
  }
  assert.deepEqual(box.outbox().takeLeftOut(), { block: 100 - numbers(await all(box)).length })
  assert.equal(box.outbox().takeLeftOut(), undefined)
  assert.equal(await box.accounted(), 100)
  const [first, ...rest] = await all(box)
  assert.ok(first?.kind === 'dropped' && first.why === 'full' && first.since === box.world.now)
  assert.deepEqual(
    numbers(rest),
    Array.from({ length: rest.length }, (_, index) => 101 - rest.length + index),
  )
  box.remove()
})

async function all(box: ReturnType<typeof setUp>): Promise<Message[]> {
  await box.take(1000)
  return box.delivered
}

test('a folder that is not there, or cannot be written, is a problem until it can; then all is told', async () => {
  const box = setUp()
  rmSync(box.folder, { recursive: true })
  for (let number = 1; number <= 3 * MOST; number++) put(box, number)
  await box.settle()
  assert.match(box.outbox().problem()!, /ENOENT/)
  mkdirSync(box.folder)
  await box.tick()
  assert.equal(box.outbox().problem(), undefined)
  assert.equal(await box.accounted(), 3 * MOST)
  assert.deepEqual(box.outbox().takeLeftOut(), { block: 3 * MOST - numbers(await all(box)).length })
  box.remove()
})

test('a writer that died leaves nothing unfinished behind for the next', async () => {
  const box = setUp()
  writeFileSync(join(box.folder, '.0000000000000007-block-0b7c6f7e.json.new'), 'half')
  put(box, 1)
  await box.settle()
  assert.deepEqual(readdirSync(box.folder), box.names())
  box.remove()
})

test('a clock that was set back changes no order, also after a new start', async () => {
  const box = setUp()
  for (const [number, now] of [
    [1, 5000],
    [2, 1000],
    [3, 1000],
    [4, 6000],
    [5, 100],
  ] as const) {
    // biome-ignore format: a list
    box.world.now = now
    put(box, number)
    await box.settle()
    if (number > 2) box.kill()
  }
  assert.deepEqual(numbers(await all(box)), [1, 2, 3, 4, 5])
  box.remove()
})

test('what is no message is neither read, nor counted, nor removed; what is no file is not followed', async () => {
  const box = setUp()
  const name = '0000000000000007-block-0b7c6f7e.json'
  symlinkSync('/etc/passwd', join(box.folder, name))
  mkdirSync(join(box.folder, name.replace('7-', '8-')))
  writeFileSync(join(box.folder, 'README'), 'x'.repeat(5000))
  for (let number = 1; number <= 3 * MOST; number++) put(box, number)
  await box.settle()
  assert.ok((await box.real.list()).length <= MOST)
  assert.ok(existsSync('/etc/passwd') && existsSync(join(box.folder, 'README')))
  await assert.rejects(box.real.read(name), { code: 'ELOOP' })
  await assert.rejects(box.real.read('README'), /longer than/)
  box.remove()
})

test('where nothing can be removed, no sums pile up', { skip: process.getuid?.() === 0 ? false : 'needs root' }, async () => {
  const box = setUp()
  for (let number = 1; number <= MOST; number++) put(box, number)
  await box.settle()
  const stuck = {
    ...box.real,
    remove: async (name: string) => (name.includes('-dropped-') ? box.real.remove(name) : Promise.reject(new Error('EACCES'))),
  }
  const outbox = createOutbox({ files: stuck, clock: () => 1, newId: randomUUID, pause: () => new Promise(() => {}), mostFiles: MOST })
  outbox.put({ kind: 'block', event: 'x', fields: {} })
  while (outbox.problem() === undefined) await setImmediate()
  assert.equal(outbox.problem(), 'EACCES')
  assert.equal(box.names().length, MOST)
  box.remove()
})

test('a stop waits for what is queued, but not for ever', async () => {
  const box = setUp()
  put(box, 1)
  await box.outbox().close(10_000)
  assert.equal(box.names().length, 1)
  put(box, 2)
  await box.settle()
  assert.equal(box.names().length, 1, 'nothing after the stop')
  box.kill()
  renameSync(box.folder, `${box.folder}.away`)
  put(box, 3)
  await box.settle()
  const closing = box.outbox().close(10)
  await box.tick()
  await closing
  rmSync(`${box.folder}.away`, { recursive: true })
})

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('put' as const), count: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('take' as const), count: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('kill' as const), count: fc.integer({ min: 0, max: 25 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fill' as const), count: fc.constant(1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('free' as const), count: fc.constant(1) }) },
)

test('whatever is put, taken, killed and full in whatever order: bounded, in order, and nothing lost in silence', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async steps => {
      const box = setUp()
      let number = 0
      let isEverKilled = false
      try {
        for (const { do: what, count } of steps) {
          box.world.now += 1000
          if (what === 'take') await box.take(count)
          if (what === 'fill') box.world.isFull = true
          if (what === 'free') {
            box.world.isFull = false
            await box.tick()
          }
          // The daemon dies `count` steps into what comes next.
          if (what === 'kill') {
            isEverKilled = true
            box.world.stepsToLive = count
            for (let turn = 0; turn < 5; turn++) put(box, ++number)
            await box.settle()
            box.kill()
          }
          if (what === 'put') for (let turn = 0; turn < count; turn++) put(box, ++number)
          await box.settle()
          assert.ok(box.names().length <= MOST + 2, `${box.names().length} files`)
          assert.ok((await box.accounted()) >= box.world.written, `${await box.accounted()} of ${box.world.written}`)
        }
        box.world.isFull = false
        await box.tick()
        if (!isEverKilled) assert.equal(await box.accounted(), number)
        const order = numbers(await all(box))
        assert.deepEqual(
          order,
          [...order].sort((a, b) => a - b),
        )
        assert.equal(new Set(order).size, order.length)
      } finally {
        box.remove()
      }
    }),
    { numRuns: 150 },
  )
})
