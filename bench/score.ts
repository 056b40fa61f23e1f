// What does scoring a request cost (features + forest), beside the package's own predict on the same rows?
// node bench/score.ts [REQUESTS.jsonl.gz] (without one: requests made here, of about the same length)
import { IsolationForest } from 'ml-isolation-forest'
import { readRequests } from '../src/cli/requests.ts'
import { FOREST_FEATURES } from '../src/core/model/features.ts'
import { fieldsOf } from '../src/core/model/fields/fields.ts'
import { scoreRow } from '../src/core/model/forest.ts'
import { explainRequest, scoreRequest } from '../src/core/model/model.ts'
import { mulberry32 } from '../src/core/model/random.ts'
import type { HttpRequest } from '../src/core/types.ts'
import { loadBaseModel } from '../src/edge/model-file.ts'

const LENGTH = 171
const ROUNDS = 5

const base = loadBaseModel()
if (!base.ok) throw new Error(base.problem)
const model = base.value
const { detector, measure: measureFields } = model.base
const { forest } = detector
const measure = (request: HttpRequest) => measureFields(fieldsOf(request)).row
const requests = process.argv[2] === undefined ? madeRequests(10_000) : await requestsOf(process.argv[2])
const rows = requests.map(measure)
const own = new IsolationForest({ nEstimators: forest.roots.length })
own.train(rows.slice(0, 256).map(row => [...row]))
const plainRows = rows.slice(0, 1000).map(row => [...row])

const parts = {
  features: micros(requests.length, () => requests.reduce((sum, request) => sum + measure(request)[0]!, 0)),
  forest: micros(rows.length, () => rows.reduce((sum, row) => sum + scoreRow(forest, row.subarray(0, FOREST_FEATURES)), 0)),
  'score in all': micros(requests.length, () => requests.reduce((sum, request) => sum + scoreRequest(model, request).score, 0)),
  'with reasons': micros(1000, () => requests.slice(0, 1000).reduce((sum, request) => sum + explainRequest(model, request).length, 0)),
  "package's predict": micros(plainRows.length, () => own.predict(plainRows).length),
}
const told = Object.entries(parts).map(([name, time]) => `${name} ${time.toFixed(1)}`)
const length = requests.reduce((sum, { uri }) => sum + uri.length, 0) / requests.length
console.log(`µs a request (${requests.length} requests, addresses of ${Math.round(length)} characters): ${told.join(', ')}`)

/** The best of some rounds, in microseconds an item. */
function micros(items: number, work: () => number): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const started = performance.now()
    work()
    return performance.now() - started
  })
  return (Math.min(...times) * 1000) / items
}

async function requestsOf(file: string): Promise<HttpRequest[]> {
  const found: HttpRequest[] = []
  for await (const line of readRequests([file])) if (line.ok) found.push(line.request)
  return found
}

function madeRequests(count: number): HttpRequest[] {
  const random = mulberry32(1)
  const signs = 'abcdefghijklmnopqrstuvwxyz0123456789-_./&=%'
  const text = (length: number) => Array.from({ length }, () => signs[Math.floor(random() * signs.length)]).join('')
  const headers = Array.from({ length: 14 }, (_, index) => [index === 0 ? 'User-Agent' : `X-Header-${index}`, text(60)] as const)
  return Array.from({ length: count }, () => {
    const uri = `/${text(Math.floor(random() * LENGTH))}?q=${text(Math.floor(random() * LENGTH))}`
    return { method: 'GET', uri, protocol: 'HTTP/1.1', headers, body: undefined }
  })
}
