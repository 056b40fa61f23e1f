import type { Model } from '../../../src/core/model/model.ts'
import { trainModel } from '../../../src/core/model/model.ts'
import { mulberry32 } from '../../../src/core/model/random.ts'
import type { HttpRequest } from '../../../src/core/types.ts'

const NAMES = ['id', 'page', 'sort', 'q', 'lang', 'from', 'to', 'size']
const PLACES = ['', 'index.html', 'shop', 'products', 'news', 'about-us', 'img', 'css', 'app.js', 'account']

/** A request with defaults for what a test does not care about. */
export function requestTo(uri: string, changes: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', uri, protocol: 'HTTP/1.1', headers: [], body: undefined, ...changes }
}

/** Makes ordinary requests as visitors of a shop send them; the same seed gives the same requests. */
export function ordinaryRequests(count: number, seed: number): HttpRequest[] {
  const random = mulberry32(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  return Array.from({ length: count }, () => {
    const path = Array.from({ length: 1 + below(4) }, () => PLACES[below(PLACES.length)]!).join('/')
    const names = Array.from({ length: below(5) }, () => `${NAMES[below(NAMES.length)]}=${below(10 ** (1 + below(6)))}`)
    const agent: [string, string] = ['User-Agent', 'Mozilla/5.0 '.padEnd(60 + below(60), 'x')]
    const others = Array.from({ length: 4 + below(8) }, (_, index): [string, string] => [`X-${index}`, '1'])
    return requestTo(`/${path}${names.length === 0 ? '' : `?${names.join('&')}`}`, { headers: [agent, ...others] })
  })
}

/** A model of ordinary requests. */
export function trainedModel({ count = 500, seed = 1 } = {}): Model {
  const model = trainModel(ordinaryRequests(count, seed), { seed, version: 'test-1', trainedAt: 0 })
  if (!model.ok) throw new Error(model.problem)
  return model.value
}
