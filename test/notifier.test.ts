import assert from 'node:assert/strict'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createNotifierHarness, createReceiver } from './notifier-harness.ts'
import { until } from './until.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

async function setUp(t: { after: (work: () => Promise<void>) => void }, more: { rate?: number; on?: ('block' | 'repair')[] } = {}) {
  const { receiver, channel } = createReceiver('webhook')
  const box = createNotifierHarness({ channels: [channel], ...more })
  t.after(() => box.remove())
  return { receiver, box }
}

test('what is in the outbox is sent in its order and then gone, also what comes later', async t => {
  const { receiver, box } = await setUp(t)
  await box.putMany('block', 1, 3)
  box.start()
  await box.empty()
  await box.putMany('block', 4, 5)
  await box.empty()
  assert.equal(receiver.texts(), '1 2 3 4 5')
  assert.equal(new Set(receiver.got.map(({ id }) => id)).size, 5)
  const sent = box.lines.filter(({ event }) => event === 'notification.sent')
  assert.deepEqual(sent.map(({ fields }) => fields.id), receiver.got.map(({ id }) => id)) // biome-ignore format: one thing
})

test('more than the rate are summed up in one, and counted again after a new start', async t => {
  const { receiver, box } = await setUp(t, { rate: 3 })
  box.start()
  for (let n = 1; n <= 3; n++) {
    await box.putMany('block', n, n)
    await box.empty()
  }
  await box.stop()
  box.start()
  for (let n = 4; n <= 9; n++) await box.put({ kind: 'block', event: 'address.blocked', fields: { ip: `192.0.2.${n}` } })
  await box.put({ kind: 'block', event: 'addresses.blocked', fields: { number: 100 } })
  await box.putMany('repair', 1, 1)
  await until('another kind is not held up', () => receiver.texts() === '1 2 3 1')
  box.pass(HOUR - 1)
  await box.settle()
  assert.equal(receiver.texts(), '1 2 3 1', 'it still waits')
  box.pass(1)
  await box.empty()
  const digest = receiver.got.at(-1)!
  assert.deepEqual([digest.event, digest.kind, digest.number], ['digest', 'block', 106])
  assert.match(
    digest.text,
    /^modwarden on web1, 2026-01-02 03:04 UTC: 106 blocks since 2026-01-02 03:04 UTC, .*; the latest: 192\.0\.2\.6, .*192\.0\.2\.9\./,
  )
})

test('a failing receiver is tried again, later each time; one kind holds up no other', async t => {
  const { receiver, box } = await setUp(t)
  const tries: string[] = []
  receiver.answer = ({ kind, fields }) => {
    tries.push(`${kind}${fields.n}`)
    return kind === 'block' ? { ok: false, problem: 'answered 500' } : { ok: true, detail: '' }
  }
  await box.putMany('block', 1, 2)
  await box.putMany('repair', 1, 1)
  box.start()
  const tried = (text: string) => until(text, () => tries.join(' ') === text)
  await tried('block1 repair1')
  box.pass(4999)
  await box.settle()
  assert.equal(tries.length, 2)
  box.pass(1)
  await tried('block1 repair1 block1')
  box.pass(9999)
  await box.settle()
  assert.equal(tries.length, 3)
  box.pass(1)
  await tried('block1 repair1 block1 block1')
  const failures = () => box.lines.filter(({ event }) => event === 'delivery.failed')
  assert.deepEqual([failures().length, failures()[0]?.fields.problem, failures()[0]?.fields.about], [1, 'answered 500', 'webhook'])
  receiver.answer = () => ({ ok: true, detail: '' })
  box.pass(20_000)
  await box.empty()
  assert.equal(receiver.texts(), '1 1 2')
  assert.ok(box.lines.some(({ event }) => event === 'delivery.recovered'))
})

test('a receiver that asks for time gets it, for every kind', async t => {
  const { receiver, box } = await setUp(t)
  let tries = 0
  receiver.answer = () => (tries++ === 0 ? { ok: false, problem: 'answered 429', retryAfter: HOUR } : { ok: true, detail: '' })
  await box.putMany('block', 1, 1)
  box.start()
  await until('it was tried', () => tries === 1)
  await box.putMany('repair', 2, 2)
  box.pass(HOUR - 1)
  await box.settle()
  assert.equal(tries, 1)
  box.pass(1)
  await box.empty()
  assert.equal(receiver.texts(), '1 2')
})

test('what could not be delivered for a day is given up and told, with its number, when something can be', async t => {
  const { receiver, box } = await setUp(t)
  const tried: string[] = []
  receiver.answer = ({ kind }) => {
    tried.push(kind)
    return { ok: false, problem: 'answered 500' }
  }
  await box.putMany('block', 1, 3)
  await box.putMany('repair', 4, 4)
  box.start()
  await until('it was tried', () => box.lines.some(({ event }) => event === 'delivery.failed'))
  box.pass(DAY + 1000)
  await until('they are given up, and their number tried to be told', () => box.names().length === 1 && tried.includes('dropped'))
  const dropped = box.lines.filter(({ event }) => event === 'notifications.dropped')
  assert.deepEqual(dropped.map(({ fields }) => fields.counts), [{ block: 3, repair: 1 }]) // biome-ignore format: one thing
  const [name] = box.names()
  for (let turn = 0; turn < 3; turn++) await box.settle()
  assert.deepEqual(box.names(), [name], 'once')
  receiver.answer = () => ({ ok: true, detail: '' })
  box.pass(2 * HOUR)
  await box.empty()
  const [told] = receiver.got
  assert.deepEqual([told?.event, told?.number, told?.fields.counts], ['notifications.dropped', 4, { block: 3, repair: 1 }])
  assert.match(
    told!.text,
    /4 messages since 2026-01-02 03:04 UTC were left out: they could not be delivered within a day\. That is: blocks \(3\), repairs of the firewall \(1\)/,
  )
})

test('a kill between sending and noting sends again, under the same id; after noting it does not', async t => {
  const { receiver, box } = await setUp(t, { rate: 2 })
  const ids: string[] = []
  receiver.answer = ({ id }) => {
    ids.push(id)
    return new Promise(() => {})
  }
  // One alone, and several as one.
  await box.putMany('repair', 1, 1)
  await box.putMany('block', 1, 3)
  box.start()
  await until('the first is on its way', () => ids.length === 1)
  await box.stop()
  receiver.answer = ({ id, kind }) => {
    ids.push(id)
    return kind === 'repair' ? { ok: true, detail: '' } : new Promise(() => {})
  }
  box.start()
  await until('the second is on its way', () => ids.length === 3)
  await box.stop()
  // More of them make no other digest of it.
  await box.putMany('block', 4, 5)
  receiver.answer = ({ id }) => {
    ids.push(id)
    return { ok: true, detail: '' }
  }
  box.start()
  await box.empty()
  assert.equal(ids[0], ids[1])
  assert.equal(ids[2], ids[3])
  assert.deepEqual(receiver.got.map(({ kind, number }) => `${kind}${number}`).slice(0, 2), ['repair1', 'block3'])
})

test('what a daemon tells once more at its start is not sent again, what happens anew is', async t => {
  const { receiver, box } = await setUp(t)
  const engaged = (paused_at: string) => box.put({ kind: 'brake', event: 'brake.engaged', fields: { n: 1, paused_at } })
  box.start()
  await engaged('2026-01-02T03:04:05.000Z')
  await box.empty()
  await box.stop()
  box.start()
  await engaged('2026-01-02T03:04:05.000Z')
  await box.empty()
  assert.equal(receiver.texts(), '1')
  await engaged('2026-01-02T05:00:00.000Z')
  await box.empty()
  box.pass(DAY + 1)
  await engaged('2026-01-02T03:04:05.000Z')
  await box.empty()
  assert.equal(receiver.texts(), '1 1 1')
})

test('a stop ends at once although the receiver hangs', async t => {
  const { receiver, box } = await setUp(t)
  let isAsked = false
  receiver.answer = () => {
    isAsked = true
    return new Promise(() => {})
  }
  await box.putMany('block', 1, 1)
  box.start()
  await until('it is on its way', () => isAsked)
  await box.stop()
  assert.equal(box.names().length, 1)
})

test('a channel that fails, or hangs, holds up no other, and what one has delivered comes there only once', async t => {
  const one = createReceiver('command')
  const other = createReceiver('webhook')
  other.receiver.answer = () => new Promise(() => {})
  const box = createNotifierHarness({ channels: [one.channel, other.channel] })
  t.after(() => box.remove())
  await box.putMany('block', 1, 3)
  box.start()
  await until('one has all', () => one.receiver.texts() === '1 2 3')
  assert.equal(box.names().length, 3, 'they wait for the other')
  await box.stop()
  other.receiver.answer = () => ({ ok: true, detail: '' })
  box.start()
  await box.empty()
  assert.deepEqual([one.receiver.texts(), other.receiver.texts()], ['1 2 3', '1 2 3'])
})

test('what nobody wants to be told of any more is removed unsent', async t => {
  const { receiver, box } = await setUp(t, { on: ['repair'] })
  await box.putMany('block', 1, 2)
  await box.putMany('repair', 3, 3)
  await box.put({ kind: 'dropped', since: 0, why: 'full', counts: { block: 7 } })
  box.start()
  await box.empty()
  assert.equal(receiver.texts(), '3 7')
})

test('without a channel all but questions is removed', async t => {
  const box = createNotifierHarness({ channels: [] })
  t.after(() => box.remove())
  await box.putMany('block', 1, 2)
  await box.put({ kind: 'dropped', since: 0, why: 'full', counts: {} })
  await box.put({ kind: 'question', ip: '192.0.2.1', domains: [] })
  box.start()
  await until('only the question is there', () => box.names().length === 1)
  assert.match(box.names()[0]!, /-question-/)
})

test('a message that cannot be read is told and removed', async t => {
  const { receiver, box } = await setUp(t)
  writeFileSync(join(box.folder, '0000000000000001-block-0b7c6f7e.json'), '')
  // Its time in the name is long past: it must not be that which removes it.
  box.time.now = 1000
  box.start()
  await box.empty()
  assert.equal(receiver.got.length, 0)
  assert.equal(box.lines.find(({ event }) => event === 'notification.unreadable')?.level, 'warn')
})

test('a state folder that cannot be written is told, and nothing comes twice for it', async t => {
  const { receiver, box } = await setUp(t)
  rmSync(box.state, { recursive: true })
  await box.putMany('block', 1, 2)
  box.start()
  await box.empty()
  assert.equal(receiver.texts(), '1 2')
  assert.ok(box.lines.some(({ event }) => event === 'progress.failed'))
})

test('an outbox that is not there is told and waited for', async t => {
  const { receiver, box } = await setUp(t)
  await box.putMany('block', 1, 1)
  renameSync(box.folder, `${box.folder}.away`)
  box.start()
  await until('it is told', () => box.lines.some(({ event }) => event === 'outbox.failed'))
  renameSync(`${box.folder}.away`, box.folder)
  box.pass(5000)
  await box.empty()
  assert.equal(receiver.texts(), '1')
  assert.ok(box.lines.some(({ event }) => event === 'outbox.recovered'))
})
