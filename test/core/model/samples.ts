import assert from 'node:assert/strict'
import { fieldsOf } from '../../../src/core/model/fields/fields.ts'
import { createModel, type Model } from '../../../src/core/model/model.ts'
import { type CountOptions, createProfileCounts } from '../../../src/core/model/profile/counts.ts'
import { createFreezer } from '../../../src/core/model/profile/freeze.ts'
import type { Profile } from '../../../src/core/model/profile/profile.ts'
import { mulberry32 } from '../../../src/core/model/random.ts'
import { type Training, trainModel } from '../../../src/core/model/train/trainer.ts'
import type { TrainedModel } from '../../../src/core/model/trained.ts'
import type { HttpRequest, Result } from '../../../src/core/types.ts'
import { BASE_PATH, readTrained } from '../../../src/edge/model-file.ts'

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
    const others = Array.from({ length: 4 + below(2) }, (_, index): [string, string] => [`X-${index}`, '1'])
    return requestTo(`/${path}${names.length === 0 ? '' : `?${names.join('&')}`}`, { headers: [agent, ...others] })
  })
}

/** The trained model that ships with the program. */
export function baseModel(): TrainedModel {
  base ??= goodOf(readTrained(BASE_PATH))
  return base
}

/** Trains on requests, and fails where training does. */
export function trainOn(requests: readonly HttpRequest[], { seed = 1, version = 'test-1' } = {}): Training {
  return goodOf(trainModel(requests, { base: baseModel().detector, seed, version, trainedAt: 0 }))
}

/** What training makes of ordinary requests. */
export function trainedModel({ count = 500, seed = 1 } = {}): TrainedModel {
  return trainOn(ordinaryRequests(count, seed), { seed }).model
}

/** A profile of requests. */
export function profileOf(requests: readonly HttpRequest[], options: CountOptions = {}): Profile {
  const counts = createProfileCounts([1, 2], options)
  for (const request of requests) counts.add(fieldsOf(request), 0)
  return createFreezer(counts)()
}

/** A model that scores, by what was trained and the base model. */
export function modelOf(trained: TrainedModel): Model {
  return createModel(baseModel(), trained)
}

/** Asserts that a model was read which scores by what was trained. */
export function assertSame(read: Result<Model>, trained: TrainedModel): void {
  const { version, trainedAt, trainedOn, seed, local } = goodOf(read)
  assert.deepEqual([version, trainedAt, trainedOn, seed], [trained.version, trained.trainedAt, trained.trainedOn, trained.seed])
  assert.deepEqual(local?.detector, trained.detector)
}

/** Gives the value of a result, or throws its problem. */
export function goodOf<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.problem)
  return result.value
}

let base: TrainedModel | undefined
