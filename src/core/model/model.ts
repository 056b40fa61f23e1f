import type { HttpRequest, Millis, Reason, Result } from '../types.ts'
import { type Calibration, calibrate, surprisal, toScale } from './calibrate.ts'
import { FEATURES, measure, plainValue } from './features.ts'
import { type Forest, growForest, scoreRow } from './forest.ts'
import { mulberry32 } from './random.ts'

/** What scores requests. It holds numbers about its training data, never a piece of it. */
export type Model = {
  version: string
  trainedAt: Millis
  /** How many requests it was trained on, and the seed that repeats the training. */
  trainedOn: number
  seed: number
  forest: Forest
  calibration: Calibration
  /** The usual value of each feature: its median in training. Less than usual counts as usual: a client with few headers and short
   *  addresses (a health check, a script) is nothing to fear, what attacks bring is more of something. */
  usual: Float64Array
}

/** `score` 0 (ordinary) to 10 (strange), two decimals; `raw` is the forest's own, 0 to 1. */
export type Scored = { score: number; raw: number }

export type TrainOptions = { seed: number; version: string; trainedAt: Millis }

const FEWEST = 10
const FOLDS = 5
const MOST_REASONS = 5

/** Scores a request on what the log holds of it. */
export function scoreRequest(model: Model, request: HttpRequest): Scored {
  const raw = scoreRow(model.forest, atLeast(measure(request), model.usual))
  return { score: toScale(surprisal(model.calibration, raw)), raw }
}

/** Says what led to a score: the features without which it would be lower, most telling first. `surprise` is in points of the score. */
export function explainRequest(model: Model, request: HttpRequest): Reason[] {
  const row = atLeast(measure(request), model.usual)
  const raw = scoreRow(model.forest, row)
  const lp = surprisal(model.calibration, raw)
  const reasons = FEATURES.flatMap(({ words, where }, index) => {
    const value = row[index]!
    const usual = model.usual[index]!
    if (value <= usual) return []
    // What would the score be if only this were as usual?
    row[index] = usual
    const surprise = 1.5 * (lp - surprisal(model.calibration, scoreRow(model.forest, row)))
    row[index] = value
    return [{ feature: words, where, value: `${plainValue(index, value)}, usual is ${plainValue(index, usual)}`, surprise }]
  })
  return reasons
    .filter(({ surprise }) => surprise >= 0.1)
    .sort((a, b) => b.surprise - a.surprise)
    .slice(0, MOST_REASONS)
    .map(reason => ({ ...reason, surprise: Math.round(reason.surprise * 100) / 100 }))
}

/** Trains a model on clean requests, at least 10. The scale is fitted to requests that the scoring forest did not see (five folds in order). */
export function trainModel(requests: Iterable<HttpRequest>, options: TrainOptions): Result<Model> {
  const rows: Float64Array[] = []
  for (const request of requests) rows.push(measure(request))
  return trainOnRows(rows, options)
}

/** The same on requests that were measured already. */
export function trainOnRows(measured: readonly Float64Array[], { seed, version, trainedAt }: TrainOptions): Result<Model> {
  if (measured.length < FEWEST) return { ok: false, problem: `training needs at least ${FEWEST} clean requests, got ${measured.length}` }
  const random = mulberry32(seed)
  const usual = Float64Array.from(FEATURES, (_, index) => median(measured.map(row => row[index]!)))
  const rows = measured.map(row => atLeast(Float64Array.from(row), usual))
  const unseen = Array.from({ length: FOLDS }, (_, fold) => scoreFold(rows, fold, random)).flat()
  const model = {
    version,
    trainedAt,
    trainedOn: rows.length,
    seed,
    // As many rows a tree as the scale was fitted with; else few requests, all alike, would end above their own scale.
    forest: growForest(rows, random, rows.length - Math.ceil(rows.length / FOLDS)),
    calibration: calibrate(unseen),
    usual,
  }
  return { ok: true, value: model }
}

/** Raises what is below the usual to the usual, in place. */
function atLeast(row: Float64Array, usual: Float64Array): Float64Array {
  for (let index = 0; index < row.length; index++) if (row[index]! < usual[index]!) row[index] = usual[index]!
  return row
}

/** Scores the rows of one fold by a forest that was grown from the others. */
function scoreFold(rows: readonly Float64Array[], fold: number, random: () => number): number[] {
  const [from, to] = [Math.floor((fold * rows.length) / FOLDS), Math.floor(((fold + 1) * rows.length) / FOLDS)]
  const forest = growForest([...rows.slice(0, from), ...rows.slice(to)], random)
  return rows.slice(from, to).map(row => scoreRow(forest, row))
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!
}
