import assert from 'node:assert/strict'
import {
  appendFileSync,
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createSplitter } from '../../../src/core/entry/split.ts'
import { createLogReader } from '../../../src/edge/follow/log-reader.ts'
import { createHarness, type Harness, rotated, scenario } from './harness.ts'

const NOBODY = 65534

/** Rotates as logrotate does without 'notifempty': an empty log too. */
function rotateAll(h: Harness): void {
  for (let place = 30; place > 0; place--) if (existsSync(`${h.log}.${place}`)) renameSync(`${h.log}.${place}`, `${h.log}.${place + 1}`)
  renameSync(h.log, rotated(h))
  writeFileSync(h.log, '')
}

scenario('a writer that never reopens, over twelve rotations of the empty log', async h => {
  const fd = openSync(h.log, 'a')
  writeSync(fd, h.entry())
  await h.drain()
  for (let day = 0; day < 12; day++) {
    rotateAll(h)
    h.time.now += 86_400_000
    await h.drain()
    writeSync(fd, h.entry())
    await h.drain()
  }
  closeSync(fd)
})

scenario('a file that was rotated while it was empty and is written to later, also over a restart', async h => {
  const fd = openSync(h.log, 'a')
  await h.drain()
  renameSync(h.log, rotated(h))
  writeFileSync(h.log, '')
  await h.drain()
  h.kill()
  await h.drain()
  h.time.now += 3_600_000
  await h.drain()
  writeSync(fd, h.entry())
  closeSync(fd)
})

test('a writer that never reopened before modwarden was installed is followed from then on', async () => {
  const h = createHarness({ fromStart: false })
  writeFileSync(h.log, '')
  utimesSync(h.log, new Date(), new Date(Date.now() - 60_000))
  h.write(2, rotated(h))
  await h.drain()
  h.time.now += 10_000
  h.write(2, rotated(h))
  await h.drain()
  h.kill()
  h.write(1, rotated(h))
  await h.drain()
  assert.deepEqual(h.committed, ['n2', 'n3', 'n4'])
  assert.ok(h.events().includes('log.stale-writer'))
  h.remove()
})

for (const move of ['rename', 'copytruncate'] as const)
  scenario(`entries as short as the line of an index, over a restart and a ${move}`, async h => {
    const short = () => `{"transaction":{"unique_id":"${/n\d+/.exec(h.entry())![0]}","fill":"${'x'.repeat(60)}"}}\n`
    appendFileSync(h.log, short())
    await h.drain()
    h.kill()
    await h.drain()
    if (move === 'rename') renameSync(h.log, rotated(h))
    else copyFileSync(h.log, rotated(h))
    if (move === 'copytruncate') truncateSync(h.log)
    appendFileSync(h.log, short())
    await h.drain()
    h.kill()
  })

test('permission that is lost for a while costs nothing', async t => {
  if (process.getuid?.() !== 0) return t.skip('needs root to give up root')
  const h = createHarness()
  chmodSync(h.folder, 0o755)
  h.write(2)
  chmodSync(h.log, 0o644)
  await asNobody(h)
  chmodSync(h.folder, 0o700)
  h.write(2)
  renameSync(h.log, rotated(h))
  h.write(2)
  chmodSync(h.log, 0o600)
  await asNobody(h)
  chmodSync(h.folder, 0o755)
  await asNobody(h)
  renameSync(h.log, rotated(h, '.0'))
  h.write(1)
  chmodSync(h.log, 0o644)
  chmodSync(rotated(h, '.0'), 0o644)
  await asNobody(h)
  assert.deepEqual(h.committed, h.made())
  assert.equal(h.events().filter(event => event === 'log.unreadable').length, 2)
  h.remove()
})

async function asNobody(h: Harness): Promise<void> {
  process.seteuid!(NOBODY)
  try {
    await h.drain()
    await h.drain()
  } finally {
    process.seteuid!(0)
  }
}

test('a file that gives read errors is told once and does not end the following', async () => {
  const h = createHarness()
  h.write(2)
  await h.drain()
  const fds = readdirSync('/proc/self/fd').filter(fd => linkOf(fd) === h.log)
  for (const fd of fds) closeSync(Number(fd))
  await h.drain()
  await h.drain()
  assert.deepEqual(h.events(), ['log.unreadable'])
  // Its descriptor must be there when it is closed.
  const stand = fds.map(() => openSync('/dev/null', 'r'))
  assert.deepEqual(stand.map(String), fds)
  h.remove()
})

function linkOf(fd: string): string | undefined {
  try {
    return readlinkSync(join('/proc/self/fd', fd))
  } catch {
    return undefined
  }
}

for (const { name, line } of [
  {
    name: 'ModSecurity',
    line: (id: string) => `h 192.0.2.1 - [x] "GET /" 200 2 - "-" uid - /a/1/2/${id} 0 5242880.000000 md5:1aaa99cb5862cd28191c0f6cfadcc94f`,
  },
  { name: 'Coraza', line: (id: string) => `${id} - /a/20261122/20261122-0957/20261122-095716-${id}` },
])
  test(`the files that an index of ${name} names come in batches that memory holds`, async () => {
    const h = createHarness()
    const reader = createLogReader(h.log, {
      ...{ from: [], fromStart: true, createSplitter, now: () => h.time.now, notice: () => {}, quietMillis: 250, graceMillis: 60_000 },
    })
    const lines = Array.from({ length: 50 }, (_, index) => line(`n${index}`))
    writeFileSync(h.log, lines.map(text => `${text}\n`).join(''))
    const batches: string[][] = []
    for (let batch = await reader.next(); batch !== undefined; batch = await reader.next())
      batches.push(batch.items.map(item => (item.kind === 'entry' ? item.text : item.problem)))
    reader.close()
    h.remove()
    assert.deepEqual(batches.flat(), lines)
    assert.ok(Math.max(...batches.map(batch => batch.length)) <= 16, `${batches.map(batch => batch.length)}`)
  })

test('what a client sends does not make a log of whole entries be read in smaller pieces, however it looks', async () => {
  const h = createHarness()
  let reads = 0
  const splitterOf: typeof createSplitter = options => {
    const splitter = createSplitter(options)
    return {
      ...splitter,
      push(bytes) {
        reads++
        return splitter.push(bytes)
      },
    }
  }
  const reader = createLogReader(h.log, {
    ...{
      from: [],
      fromStart: true,
      createSplitter: splitterOf,
      now: () => h.time.now,
      notice: () => {},
      quietMillis: 250,
      graceMillis: 60_000,
    },
  })
  const part = (id: string, letter: string) => `--${id}-${letter}--\n`
  const entry = (id: string, body: string) =>
    `${part(id, 'A')}[27/Nov/2026:07:00:00.000000 +0000] ${id} 192.0.2.1 1 127.0.0.1 80\n${part(id, 'C')}${body}${part(id, 'Z')}\n`
  const forged = `x /a/20261127/20261127-0700/20261127-070000-x 0 999999999999 md5:${'0'.repeat(32)}\n`
  // Longer than what is read at a time, so that it begins in the middle of what was sent.
  writeFileSync(h.log, entry('aaaaaaaa', forged.repeat(8000)) + entry('bbbbbbbb', ''))
  const started = h.time.now
  let entries = 0
  // What is whole settles only after a while.
  for (; h.time.now < started + 5000; h.time.now += 1000)
    for (let batch = await reader.next(); batch !== undefined; batch = await reader.next()) entries += batch.items.length
  reader.close()
  h.remove()
  assert.equal(entries, 2)
  assert.ok(reads < 20, String(reads))
})
