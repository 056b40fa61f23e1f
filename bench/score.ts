// What does scoring a request cost, what does a model weigh? node bench/score.ts [--data FOLDER] [--model FILE] [--rounds 5]
// FOLDER holds dev/wcph/*.jsonl.gz (requests of real browsers); without it, requests made here. FILE is a trained model, by which known hosts are scored.
// Beside it runs the package's own predict on the same rows and, where ../shared/reference/detector and python3 are, the reference scorer.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { IsolationForest } from 'ml-isolation-forest'
import { readRequests } from '../src/cli/requests.ts'
import { judgeRow } from '../src/core/model/detector.ts'
import { createMeasure, FOREST_FEATURES } from '../src/core/model/features.ts'
import { fieldsOf } from '../src/core/model/fields/fields.ts'
import { scoreRow } from '../src/core/model/forest.ts'
import { createModel, explainRequest, scoreRequest } from '../src/core/model/model.ts'
import type { HttpRequest } from '../src/core/types.ts'
import { BASE_PATH, readTrained } from '../src/edge/model-file.ts'
import { hostileRequests, largeRequests, madeRequests } from './score-requests.ts'

const REFERENCE = fileURLToPath(new URL('../../shared/reference/detector', import.meta.url))
const MOST_REQUESTS = 2000
const FOR_REFERENCE = 200

const { values } = parseArgs({
  options: { data: { type: 'string' }, model: { type: 'string' }, reference: { type: 'string' }, rounds: { type: 'string', default: '5' } },
})
const rounds = Number(values.rounds)
const base = load(BASE_PATH)
const local = values.model === undefined ? undefined : load(values.model)
const model = createModel(base, local)
const requests = values.data === undefined ? madeRequests(MOST_REQUESTS) : await recorded(values.data)
const { detector } = local ?? base
const taken = requests.map(fieldsOf)
const measure = createMeasure(detector.profile)
const rows = taken.map(fields => measure(fields).row)
const forestRows = rows.map(row => row.subarray(0, FOREST_FEATURES))
const plainRows = forestRows.slice(0, 1000).map(row => [...row])
const own = new IsolationForest({ nEstimators: detector.forest.roots.length })
own.train(plainRows.slice(0, 256))

const typical = {
  'taking it apart': micros(requests, fieldsOf),
  features: micros(taken, measure),
  forest: micros(forestRows, row => scoreRow(detector.forest, row)),
  'all voices': micros(rows, row => judgeRow(detector, row)),
  'score in all': micros(requests, request => scoreRequest(model, request)),
  'with reasons': micros(requests.slice(0, 300), request => explainRequest(model, request)),
  "package's predict": plainRows.length === 0 ? 0 : (1 / plainRows.length) * micros([plainRows], list => own.predict(list)),
}
const bytes = requests.reduce((sum, request) => sum + sizeOf(request), 0) / requests.length
console.log(`${requests.length} requests of ${Math.round(bytes)} bytes, µs each (CPU, best of ${rounds}):`)
for (const [name, time] of Object.entries(typical)) console.log(`  ${name.padEnd(18)} ${time.toFixed(1)}`)
console.log(`  the package's predict takes ${(typical["package's predict"] / typical.forest).toFixed(1)} times as long as the flat forest`)
compareReference()
for (const [title, list] of [
  ['64 KB', largeRequests()],
  ['hostile', hostileRequests()],
] as const) {
  console.log(`${title}, ms each:`)
  for (const [name, request] of list) {
    const score = (one: HttpRequest) => scoreRequest(model, { ...one })
    const first = micros([request], score, 1) / 1000
    console.log(`  ${name.padEnd(34)} ${(micros([request], score) / 1000).toFixed(1)} (first time ${first.toFixed(1)})`)
  }
}

/** The CPU time of the best of some rounds, in microseconds an item: on a busy machine the clock tells of others. */
function micros<T>(items: readonly T[], work: (item: T) => unknown, most = rounds): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < most; round++) {
    const before = process.cpuUsage()
    for (const item of items) work(item)
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, (user + system) / items.length)
  }
  return best
}

/** Loads a model and says what it weighs. */
function load(path: string) {
  globalThis.gc?.()
  const before = process.memoryUsage()
  const cpu = process.cpuUsage()
  const trained = readTrained(path)
  const { user, system } = process.cpuUsage(cpu)
  if (!trained.ok) throw new Error(trained.problem)
  globalThis.gc?.()
  const after = process.memoryUsage()
  const memory = after.heapUsed - before.heapUsed + after.external - before.external
  const told = globalThis.gc === undefined ? 'run with --expose-gc to see its memory' : `${(memory / 1e6).toFixed(1)} MB in memory`
  const { size } = statSync(path)
  console.log(
    `model ${trained.value.version}: ${(size / 1e6).toFixed(2)} MB on disk, loaded in ${Math.round((user + system) / 1000)} ms of CPU, ${told}`,
  )
  return trained.value
}

/** Scores some of the requests by the reference scorer, trained on the others. */
function compareReference(): void {
  const folder = values.reference ?? REFERENCE
  if (!existsSync(join(folder, 'refdetector.py'))) {
    console.log(`  SKIPPED: the reference scorer, there is none in ${folder}`)
    return
  }
  const program = `import sys,json,time
sys.path.insert(0,sys.argv[1])
import refdetector as d
R=[json.loads(l) for l in sys.stdin]
n=len(R)//2
D=d.Detector().fit(R[:n])
t=time.process_time()
for r in R[n:]: D.score(r)
print((time.process_time()-t)/(len(R)-n)*1e6)`
  const step = Math.max(1, Math.floor(requests.length / FOR_REFERENCE))
  const lines = requests.filter((_, index) => index % step === 0).map(request => JSON.stringify(toRecord(request)))
  const { status, stdout, error } = spawnSync('python3', ['-c', program, folder], { input: lines.join('\n'), encoding: 'utf8' })
  if (status !== 0) {
    console.log(`  SKIPPED: the reference scorer: ${error?.message ?? 'python3 failed'}`)
    return
  }
  const time = Number(stdout)
  console.log(
    `  reference scorer   ${time.toFixed(0)} (its features and forest, in Python): ${(time / typical['score in all']).toFixed(0)} times as long`,
  )
}

function toRecord({ method, uri, headers, body }: HttpRequest): unknown {
  const host = headers.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? ''
  return { method, uri, headers: Object.fromEntries(headers), request_body: body ?? '', host }
}

async function recorded(folder: string): Promise<HttpRequest[]> {
  const place = join(folder, 'dev/wcph')
  const found: HttpRequest[] = []
  const files = readdirSync(place).map(name => join(place, name))
  for await (const line of readRequests(files)) if (line.ok && line.label !== 1) found.push(line.request)
  const step = Math.ceil(found.length / MOST_REQUESTS)
  return found.filter((_, index) => index % step === 0)
}

function sizeOf({ uri, headers, body }: HttpRequest): number {
  return uri.length + (body?.length ?? 0) + headers.reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0)
}
