// How fast is a v3 JSON backlog taken in, all stages (follow, split, parse, score, count, commit), against JSON.parse alone on the same file?
// node bench/ingest.ts [ENTRIES]
import { appendFileSync, closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { createSplitter } from '../src/core/entry/split.ts'
import { createLocalOffset } from '../src/core/entry/time.ts'
import { parseSettings } from '../src/core/settings.ts'
import { followAuditLogs } from '../src/edge/follow.ts'
import { loadBaseModel } from '../src/edge/model-file.ts'
import { openStore } from '../src/edge/store/store.ts'
import { handleBatch } from '../src/pipeline.ts'

const wanted = Number(process.argv[2] ?? 100_000)
const folder = mkdtempSync(join(tmpdir(), 'modwarden-bench-'))
const log = join(folder, 'audit.log')
const source =
  process.env.SOURCE === undefined
    ? gunzipSync(readFileSync(new URL('../test/fixtures/corpus/v3-json-serial/audit.log.gz', import.meta.url)))
    : readFileSync(process.env.SOURCE)
const lines = source.toString('latin1').trimEnd().split('\n')
// Real entries in a loop, from many addresses; written in parts, so that the bench's own memory does not count.
let bytes = 0
for (let from = 0; from < wanted; from += 1000) {
  const part = Array.from({ length: Math.min(1000, wanted - from) }, (_, offset) => from + offset).map(index =>
    lines[index % lines.length]!.replace(
      /"client_ip":"[^"]*"/,
      `"client_ip":"10.${(index >> 14) & 63}.${(index >> 7) & 127}.${index & 127}"`,
    ),
  )
  bytes += Buffer.byteLength(part.join('\n'), 'latin1') + 1
  appendFileSync(log, `${part.join('\n')}\n`, 'latin1')
}

const parseCpu = process.cpuUsage()
const parseSeconds = parseAlone()
const parseCpuSeconds = cpuSeconds(parseCpu)

const settings = parseSettings([])
const model = loadBaseModel()
if (!settings.ok || !model.ok) throw new Error('the defaults and the base model must load')
const store = openStore(join(folder, 'modwarden.db'), { create: true })
const stop = new AbortController()
let entries = 0
let peak = 0
const started = performance.now()
const startedCpu = process.cpuUsage()
const batches = followAuditLogs(
  [log],
  () => ({ from: [], fromStart: true, createSplitter, now: Date.now, notice: () => {}, quietMillis: 250, graceMillis: 60_000 }),
  { signal: stop.signal, pollMillis: 250 },
)
const pipeline = {
  store,
  model: () => model.value,
  settings: () => settings.value,
  isAllowed: () => false,
  clock: Date.now,
  parseContext: { localOffsetMinutes: createLocalOffset() },
}
for await (const batch of batches) {
  const { parsed, skipped } = handleBatch(batch, pipeline)
  entries += parsed + skipped.length
  peak = Math.max(peak, process.memoryUsage.rss())
  if (entries >= wanted) break
}
const seconds = (performance.now() - started) / 1000
const ingestCpuSeconds = cpuSeconds(startedCpu)
stop.abort()
store.close()
rmSync(folder, { recursive: true })
const rate = (count: number, time: number) => Math.round(count / time)
console.log(
  `${entries} entries, ${(bytes / entries / 1000).toFixed(2)} kB each: JSON.parse ${rate(wanted, parseSeconds)}/s, all stages ${rate(entries, seconds)}/s, ratio 1/${(seconds / parseSeconds).toFixed(2)} (of CPU time, for a busy machine: 1/${(ingestCpuSeconds / parseCpuSeconds).toFixed(2)}, ${Math.round((ingestCpuSeconds / entries) * 1e6)} µs an entry), peak RSS ${Math.round(peak / 2 ** 20)} MB`,
)

/** Reads the file in chunks, cuts it into lines and parses each: the least that anybody must do. */
function parseAlone(): number {
  const fd = openSync(log, 'r')
  const chunk = Buffer.alloc(1024 * 1024)
  let rest = Buffer.alloc(0)
  const began = performance.now()
  for (let size = readSync(fd, chunk); size > 0; size = readSync(fd, chunk)) {
    const data = Buffer.concat([rest, chunk.subarray(0, size)])
    let start = 0
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10, start)) {
      parseLine(data.toString('latin1', start, end))
      start = end + 1
    }
    rest = Buffer.from(data.subarray(start))
  }
  closeSync(fd)
  return (performance.now() - began) / 1000
}

function cpuSeconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1e6
}

function parseLine(line: string): void {
  try {
    JSON.parse(line)
  } catch {
    // A damaged entry of the corpus.
  }
}
