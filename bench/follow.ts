// How fast does the follower read a backlog (with a splitter that only cuts lines), and how late does it see what is written?
// node bench/follow.ts [MEGABYTES]
import { appendFileSync, closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Piece, Splitter } from '../src/core/entry/split.ts'
import { followAuditLogs } from '../src/edge/follow.ts'

const folder = mkdtempSync(join(tmpdir(), 'modwarden-bench-'))
const log = join(folder, 'audit.log')
const options = { fromStart: true, now: Date.now, notice: () => {}, quietMillis: 250, graceMillis: 60_000, from: [] }
const follow = (signal: AbortSignal) =>
  followAuditLogs([log], () => ({ ...options, createSplitter: createLineSplitter }), { signal, pollMillis: 1000 })

const megabytes = Number(process.argv[2] ?? 512)
const lines = `${'x'.repeat(4095)}\n`.repeat(256)
for (let index = 0; index < megabytes; index++) appendFileSync(log, lines)
const { size } = statSync(log)
const stop = new AbortController()
let read = 0
const began = performance.now()
for await (const { items } of follow(stop.signal)) {
  for (const item of items) read += item.length
  if (read >= size) break
}
const seconds = (performance.now() - began) / 1000
const peak = process.memoryUsage.rss()

const batches = follow(stop.signal)
const delays: number[] = []
rmSync(log)
const fd = openSync(log, 'a')
const cpu = process.cpuUsage()
let next = batches.next()
for (let index = 0; index < 1000; index++) {
  await new Promise(resolve => setTimeout(resolve, 2))
  const wroteAt = performance.now()
  writeSync(fd, `${index}\n`)
  for (let items = 0; items === 0; next = batches.next()) items = (await next).value!.items.length
  delays.push(performance.now() - wroteAt)
}
const busy = process.cpuUsage(cpu)
const idle = process.cpuUsage()
await new Promise(resolve => setTimeout(resolve, 10_000))
const used = process.cpuUsage(idle)
stop.abort()
await next
closeSync(fd)
rmSync(folder, { recursive: true })
delays.sort((a, b) => a - b)
console.log(
  JSON.stringify({
    bench: 'follow',
    backlogMBPerSecond: Math.round(size / 1e6 / seconds),
    peakRssMB: Math.round(peak / 1e6),
    writeToBatchMs: { p50: round(delays[500]!), p99: round(delays[990]!), max: round(delays.at(-1)!) },
    cpuPerEntryUs: Math.round((busy.user + busy.system) / 1000),
    idleCpuPercent: round((used.user + used.system) / 100_000),
  }),
)

/** Cuts lines and does nothing else with them. */
function createLineSplitter({ offset }: { offset: number }): Splitter {
  let settled = offset
  let end = offset
  return {
    push(chunk): Piece[] {
      const pieces: Piece[] = []
      for (let from = 0, to = chunk.indexOf(10); to >= 0; from = to + 1, to = chunk.indexOf(10, from)) {
        pieces.push({ kind: 'skipped', start: settled, end: end + to + 1, problem: '' })
        settled = end + to + 1
      }
      end += chunk.length
      return pieces
    },
    settle: () => [],
    finish: () => [],
    settledOffset: () => settled,
    isWaiting: () => false,
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
