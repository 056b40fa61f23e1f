import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createSplitter } from '../../../src/core/entry/split.ts'
import type { FileState } from '../../../src/core/types.ts'
import { createLogReader, type LogReader } from '../../../src/edge/follow/log-reader.ts'
import { v3Entry } from '../../entries.ts'

export type Harness = ReturnType<typeof createHarness>

/** A log in a folder of its own, a reader of it whose clock is moved by hand, and what has been committed of it. */
export function createHarness(options: { fromStart?: boolean; name?: string; others?: string[]; mostItems?: number } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-follow-'))
  const log = join(folder, options.name ?? 'audit.log')
  const time = { now: 1_000_000 }
  /** What happens to the files while a look goes on: the reader asks for the time between its steps, and the first of these happens then. */
  const meanwhile: { after: number; happens: () => void }[] = []
  const now = () => {
    if (meanwhile[0] !== undefined && meanwhile[0].after-- <= 0) meanwhile.shift()!.happens()
    return time.now
  }
  const notices: { event: string; fields: Record<string, unknown> }[] = []
  const committed: string[] = []
  const skipped: string[] = []
  let lostBytes = 0
  let state: readonly FileState[] = []
  let reader: LogReader | undefined
  let number = 0

  const open = () =>
    createLogReader(
      log,
      {
        from: state,
        fromStart: options.fromStart ?? true,
        createSplitter,
        now,
        notice: (event, fields) => void notices.push({ event, fields }),
        quietMillis: 250,
        graceMillis: 60_000,
        mostItems: options.mostItems,
      },
      { others: (options.others ?? []).map(name => join(folder, name)), readBy: () => undefined },
    )

  return {
    folder,
    log,
    time,
    meanwhile,
    notices,
    committed,
    skipped,
    lostBytes: () => lostBytes,
    state: () => state,
    /** Puts another reading state in the place of the committed one. */
    restore(files: readonly FileState[]): void {
      state = files
    },
    events: () => notices.map(notice => notice.event),

    /** Makes the text of a new entry; its id is its number. */
    entry(size = 0): string {
      return v3Entry({ at: 1_700_000_000_000, ip: '192.0.2.1', id: `n${number++}`, headers: { 'X-Fill': 'x'.repeat(size) } })
    },
    /** The ids of the entries that were made so far. */
    made: (): string[] => Array.from({ length: number }, (_, index) => `n${index}`),
    write(count: number, path = log): void {
      for (let index = 0; index < count; index++) appendFileSync(path, this.entry())
    },

    /** One look of the reader, committed: what a batch brings holds together with its state. False when nothing was new. */
    async look(): Promise<boolean> {
      reader ??= open()
      const batch = await reader.next()
      if (batch === undefined) return false
      for (const item of batch.items) {
        if (item.kind === 'entry') committed.push(/"unique_id":"([^"]+)"/.exec(item.text)![1]!)
        else skipped.push(item.problem)
      }
      lostBytes += batch.lostBytes
      state = batch.files
      return true
    },
    /** Looks until nothing is new. */
    async drain(): Promise<void> {
      for (let looks = 0; await this.look(); looks++) if (looks > 10_000) throw new Error('the reader never comes to rest')
    },
    /** Reads a batch that is never committed, as a daemon does that is killed before the database has it. */
    async lookInVain(): Promise<void> {
      reader ??= open()
      await reader.next()
      this.kill()
    },
    kill(): void {
      reader?.close()
      reader = undefined
    },
    /** Lets time pass until old files are left. */
    async rest(): Promise<void> {
      for (let step = 0; step < 3; step++) {
        time.now += 61_000
        await this.drain()
      }
    },
    remove(): void {
      this.kill()
      rmSync(folder, { recursive: true })
    },
  }
}

/** Each scenario writes entries and moves files; in the end every entry must have come once and in order. */
export function scenario(name: string, play: (harness: Harness) => Promise<void>, options: Parameters<typeof createHarness>[0] = {}): void {
  test(name, async () => {
    const harness = createHarness(options)
    try {
      await play(harness)
      await harness.drain()
      await harness.rest()
      assert.deepEqual([...harness.committed].sort(byNumber), harness.made())
      assert.equal(harness.lostBytes(), 0)
    } finally {
      harness.remove()
    }
  })
}

/** Orders ids by their number. */
export const byNumber = (a: string, b: string) => Number(a.slice(1)) - Number(b.slice(1))
export const rotated = (harness: Harness, suffix = '.1') => `${harness.log}${suffix}`
export const gzip = (path: string) => execFileSync('gzip', [path])
