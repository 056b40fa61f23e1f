import assert from 'node:assert/strict'
import { linkSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createSplitter } from '../../../src/core/entry/split.ts'
import { followAuditLogs } from '../../../src/edge/follow.ts'
import { createHarness } from './harness.ts'

test('several logs are followed at once, one that cannot be read holds up none, and the signal ends it promptly', async () => {
  const [one, other] = [createHarness(), createHarness()]
  const stop = new AbortController()
  const options = { from: [], fromStart: true, createSplitter, now: Date.now, notice: () => {}, quietMillis: 250, graceMillis: 60_000 }
  const logs = [join(one.folder, 'nowhere/audit.log'), one.folder, one.log, other.log]
  one.write(2)
  const seen: string[] = []
  const batches = followAuditLogs(logs, () => options, { signal: stop.signal, pollMillis: 60_000 })
  const following = (async () => {
    for await (const batch of batches) for (const _ of batch.items) seen.push(batch.log)
  })()
  const deadline = Date.now() + 10_000
  while (seen.length < 2 && Date.now() < deadline) await pause(1)
  // Only the watch can wake it before the poll.
  other.write(1)
  while (seen.length < 3 && Date.now() < deadline) await pause(1)
  assert.deepEqual(seen, [one.log, one.log, other.log])
  const began = performance.now()
  stop.abort()
  await following
  assert.ok(performance.now() - began < 2000)
  one.remove()
  other.remove()
})

test('a log that is named twice is followed once', async () => {
  const h = createHarness()
  const stop = new AbortController()
  const options = { from: [], fromStart: true, createSplitter, now: Date.now, quietMillis: 250, graceMillis: 60_000 }
  const told: string[] = []
  const optionsOf = (log: string) => ({
    ...options,
    notice: (event: string, { problem }: Record<string, unknown>) => void told.push(`${log} ${event} ${problem}`),
  })
  const [link, second, later] = ['link.log', 'second.log', 'later.log'].map(name => join(h.folder, name)) as [string, string, string]
  h.write(3)
  symlinkSync(h.log, link)
  linkSync(h.log, second)
  const laterAgain = `${h.folder}/./later.log`
  const seen: string[] = []
  // The file's own name is kept: its reading state is the one that there is.
  const logs = [link, h.log, h.log, second, later, laterAgain]
  for await (const batch of followAuditLogs(logs, optionsOf, { signal: stop.signal, pollMillis: 10 })) {
    if (seen.length === 0) h.write(2, later)
    for (const { log } of batch.items) seen.push(log)
    if (seen.length >= 5) setTimeout(() => stop.abort(), 100)
  }
  h.remove()
  assert.deepEqual(seen, [h.log, h.log, h.log, later, later])
  const same = (log: string, other: string) =>
    `${log} log.unreadable it is the same file as ${other}, which is followed; name it once in audit_log`
  const expected = [same(link, h.log), same(second, h.log), same(laterAgain, later)]
  assert.deepEqual(
    told.filter(text => text.includes('same file')),
    expected,
  )
})

for (const { name, order } of [
  { name: 'behind it', order: (log: string, other: string) => [log, other] },
  { name: 'before it', order: (log: string, other: string) => [other, log] },
])
  test(`a log that becomes a link to one that is named ${name} counts once, and is followed again when it is a file of its own`, async () => {
    const h = createHarness()
    const told: string[] = []
    const stop = new AbortController()
    const other = `${h.folder}/other.log`
    const optionsOf = (log: string) => ({
      ...{ from: [], fromStart: true, createSplitter, now: () => h.time.now, quietMillis: 250, graceMillis: 60_000 },
      notice: (event: string, { problem }: Record<string, unknown>) => void told.push(`${log} ${event} ${problem}`),
    })
    h.write(2)
    h.write(1, other)
    const seen: string[] = []
    const steps = [
      () => {
        renameSync(other, `${other}.1`)
        symlinkSync(h.log, other)
        h.write(2)
      },
      () => {
        // Both names are of a file that nobody has seen.
        renameSync(h.log, `${h.log}.1`)
        h.write(1)
      },
      () => {
        renameSync(other, `${h.folder}/gone`)
        h.write(1, other)
        h.write(1)
      },
    ]
    let looks = 0
    // Several looks between two steps.
    const turn = () => {
      if (++looks % 20 === 0) steps.shift()?.()
      if (looks === 80) stop.abort()
    }
    const batches = followAuditLogs(order(h.log, other), optionsOf, { signal: stop.signal, pollMillis: 1, turn })
    for await (const batch of batches) for (const item of batch.items) if (item.kind === 'entry') seen.push(item.log)
    h.remove()
    const counts = [h.log, other].map(log => seen.filter(one => one === log).length)
    assert.deepEqual(counts, [6, 2])
    const same = `${other} log.unreadable it is the same file as ${h.log}, which is followed; name it once in audit_log`
    assert.deepEqual(
      told.filter(text => text.includes('same file')),
      [same],
    )
  })
