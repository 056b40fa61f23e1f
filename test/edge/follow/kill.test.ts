import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, copyFileSync, existsSync, openSync, renameSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { mulberry32 } from '../../../src/core/model/random.ts'
import { until } from '../../until.ts'
import { byNumber, createHarness, type Harness } from './harness.ts'

const CHILD = fileURLToPath(new URL('kill-child.ts', import.meta.url))

test('a process that is killed at random moments, while a log is written and rotated, commits every entry once', {
  timeout: 120_000,
}, async () => {
  const h = createHarness()
  const random = mulberry32(11)
  const path = join(h.folder, 'database')
  let child: ChildProcess | undefined
  const start = () => {
    child = spawn(process.execPath, [CHILD, h.log, path], { stdio: ['ignore', 'inherit', 'inherit'] })
  }
  const kill = async () => {
    child!.kill('SIGKILL')
    await until('it is dead', () => child!.signalCode !== null || child!.exitCode !== null)
    assert.equal(child!.exitCode, null, 'it ends by the signal only')
  }
  try {
    let fd = openSync(h.log, 'a')
    // Until something is committed the log is met for the first time, and what was rotated away is of the past.
    write(fd, h.entry(), false)
    start()
    await until('the first entry is committed', () => committed(path).length === 1)
    await kill()
    for (let round = 0; round < 12; round++) {
      start()
      const killAt = Date.now() + 100 + random() * 300
      while (Date.now() < killAt) {
        for (let count = random() * 20; count > 0; count--) write(fd, h.entry(random() * 3000), random() < 0.2)
        if (random() < 0.03) fd = rotate(h, fd, random())
        await pause(random() * 5)
      }
      await kill()
      // While it is down, too.
      fd = rotate(h, fd, random())
      write(fd, h.entry(), false)
    }
    start()
    const ids = await until(
      'all is there',
      () => {
        const found = committed(path)
        return found.length >= h.made().length ? found : undefined
      },
      30_000,
    )
    await kill()
    assert.deepEqual(ids.sort(byNumber), h.made())
    closeSync(fd)
  } finally {
    child?.kill('SIGKILL')
    h.remove()
  }
})

function write(fd: number, text: string, inPieces: boolean): void {
  const end = inPieces ? text.length >> 1 : text.length
  writeSync(fd, text.slice(0, end))
  if (inPieces) writeSync(fd, text.slice(end))
}

/** Rotates in one of the usual ways; gives the descriptor that the writer goes on with. */
function rotate(h: Harness, fd: number, way: number): number {
  for (let place = 300; place > 0; place--)
    for (const end of ['', '.gz'])
      if (existsSync(`${h.log}.${place}${end}`)) renameSync(`${h.log}.${place}${end}`, `${h.log}.${place + 1}${end}`)
  if (way < 0.3) {
    copyFileSync(h.log, `${h.log}.1`)
    truncateSync(h.log)
    return fd
  }
  renameSync(h.log, `${h.log}.1`)
  // The writer is late: what it still writes goes to the old file.
  write(fd, h.entry(), true)
  closeSync(fd)
  if (way > 0.7) execFileSync('gzip', [`${h.log}.1`])
  return openSync(h.log, 'a')
}

function committed(path: string): string[] {
  const reader = new Sqlite(path)
  try {
    return reader
      .prepare<[], { text: string }>('SELECT text FROM items')
      .all()
      .map(row => row.text)
  } catch {
    return []
  } finally {
    reader.close()
  }
}
