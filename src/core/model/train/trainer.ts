import type { HttpRequest, Millis, Result } from '../../types.ts'
import { type Detector, fitVoices, type Voices } from '../detector.ts'
import { createMeasure } from '../features.ts'
import { fieldsOf } from '../fields/fields.ts'
import { FOLDS } from '../profile/counter.ts'
import { createProfileCounts, type LeftOut, LIMITS, type Limits } from '../profile/counts.ts'
import { createFreezer } from '../profile/freeze.ts'
import { createHash53 } from '../profile/hash.ts'
import { type Profile, PURPOSE } from '../profile/profile.ts'
import { mulberry32 } from '../random.ts'
import { ENOUGH } from '../standing.ts'
import type { TrainedModel } from '../trained.ts'
import { createRowSample, requestOf, type SampleRow } from './row-sample.ts'
import { type Circumstances, createSurvey, type Survey } from './survey.ts'
import { judgeCandidate, type Verdict } from './verdict.ts'

export type TrainOptions = {
  /** What looks like an attack on any site, and the prior of the new model. */
  base: Detector
  /** The same requests, order and seed give the same model. */
  seed: number
  limits?: Limits
}

export type Naming = { version: string; trainedAt: Millis }
/** `leftOut`: what training did not take up and why, one sentence each. */
export type Training = { model: TrainedModel; verdict: Verdict; leftOut: string[] }

const FEWEST = 10

/** Makes a trainer. Every request is to be given twice, in the same order: first to `survey`, then to `take`. Memory is bounded whatever comes. */
export function createTrainer({ base, seed, limits }: TrainOptions) {
  const random = mulberry32(seed)
  const salt = [Math.floor(random() * 2 ** 32), Math.floor(random() * 2 ** 32)] as const
  const survey = createSurvey(base, salt)
  const isEnough = (hostHash: number) => survey.requestsOf(hostHash) >= ENOUGH
  // Hosts are what clients say: a thousand made-up ones must not take the places of those that are there.
  const isHostKept = (hostHash: number) => survey.hosts() <= (limits ?? LIMITS).hosts || isEnough(hostHash)
  const counts = createProfileCounts(salt, { limits: limits ?? LIMITS, isHostKept })
  const hash = createHash53(salt)
  const placeInHost = new Map<number, number>()
  const hostsWithPhrases = new Set<number>()
  const rows = createRowSample(random)
  let taken = 0
  let used = 0

  /** Which fifth of its host's requests, in their order, the next one belongs to. */
  const foldOf = (hostHash: number) => {
    const place = placeInHost.get(hostHash) ?? 0
    placeInHost.set(hostHash, place + 1)
    return Math.min(FOLDS - 1, Math.floor((place * FOLDS) / Math.max(1, survey.requestsOf(hostHash))))
  }

  return {
    survey: (request: HttpRequest, circumstances?: Circumstances): void => survey.add(request, circumstances),

    take(request: HttpRequest, circumstances?: Circumstances): void {
      const index = taken++
      const fields = fieldsOf(request)
      const host = hash(fields.host, PURPOSE.host)
      const fold = foldOf(host)
      if (survey.isLeftOut(index, circumstances)) return
      used++
      counts.add(fields, fold)
      if (survey.hasPhrase(index)) hostsWithPhrases.add(host)
      rows.offer(request, fold, isEnough(host))
    },

    /** Makes the model, and says whether it is fit to score. */
    finish({ version, trainedAt }: Naming): Result<Training> {
      const leftOut = leftOutTexts(survey.leftOut(), counts.leftOut, taken - used)
      if (used < FEWEST)
        return { ok: false, problem: [`training needs at least ${FEWEST} clean requests, got ${used}`, ...leftOut].join('; ') }
      const freeze = createFreezer(counts)
      const sample = rows.chosen()
      const folds = Uint8Array.from(sample, row => row.fold)
      const measured = measureFolds(sample, freeze)
      const fit = (list: readonly Float64Array[], of: ArrayLike<number>): Voices =>
        fitVoices(list, { prior: base.prior, fusion: 'local', random, folds: of })
      const profile = freeze()
      raiseToWhole(measured, sample, profile)
      const detector = { ...fit(measured, folds), profile }
      const verdict = judgeCandidate({ rows: measured, folds, fit, detector, sample, freeze, random })
      const seenAgain = new Uint8Array(profile.hosts.size)
      const hasPhrases = new Uint8Array(profile.hosts.size)
      for (const [hostHash, id] of profile.hosts) {
        seenAgain[id] = Number(survey.isSeenAgain(hostHash))
        hasPhrases[id] = Number(hostsWithPhrases.has(hostHash))
      }
      const summary = {
        ...survey.leftOut(),
        not_remembered: { ...counts.leftOut },
        rows: sample.length,
        hosts: profile.hosts.size,
        trial: verdict,
        verdict: verdict.problem ?? 'fit to score',
      }
      const model = { version, trainedAt, trainedOn: used, seed, summary, seenAgain, hasPhrases, detector }
      return { ok: true, value: { model, verdict, leftOut } }
    },
  }
}

/** Says what was left out; `requests`: how many of them in all, for whatever reason. */
function leftOutTexts(survey: ReturnType<Survey['leftOut']>, limits: LeftOut, requests: number): string[] {
  const texts: [number, string][] = [
    [survey.suspect, 'requests to which the WAF or the server objected'],
    [survey.attack_like, 'requests that look like attacks'],
    [
      requests - survey.suspect - survey.attack_like,
      `other requests, of addresses (${survey.addresses}) whose requests look like attacks again and again`,
    ],
    [limits.hosts, 'requests beyond the number of hosts that are remembered'],
    [limits.templates, 'requests beyond the number of paths that are remembered of a host (known by host only)'],
    [limits.names, 'names of arguments, cookies or headers beyond the number that is remembered'],
    [limits.values, 'values beyond the number that is remembered of a name'],
    [limits.pairs, 'sets of headers and methods of a host or path beyond the number that is remembered'],
  ]
  return texts.flatMap(([count, text]) => (count === 0 ? [] : [`left out ${count}: ${text}`]))
}

/** Trains a model on requests that are at hand. */
export function trainModel(requests: readonly HttpRequest[], { version, trainedAt, ...options }: TrainOptions & Naming): Result<Training> {
  const trainer = createTrainer(options)
  for (const request of requests) trainer.survey(request)
  for (const request of requests) trainer.take(request)
  return trainer.finish({ version, trainedAt })
}

/** Measures each request by the profile of the other folds: what a profile has seen looks too ordinary to it. */
function measureFolds(sample: readonly SampleRow[], freeze: (withoutFold?: number) => Profile): Float64Array[] {
  const measured: Float64Array[] = new Array(sample.length)
  for (let fold = 0; fold < FOLDS; fold++) {
    if (!sample.some(row => row.fold === fold)) continue
    const measure = createMeasure(freeze(fold))
    sample.forEach((row, index) => {
      if (row.fold === fold) measured[index] = measure(fieldsOf(requestOf(row))).row
    })
  }
  return measured
}

/** Raises each feature to what the whole profile makes of the request. It knows more values than the profile of the other folds, and so finds what is always the
 *  same (the home page) a little stranger beside them: that little must not look as if it had never been seen. */
function raiseToWhole(measured: readonly Float64Array[], sample: readonly SampleRow[], profile: Profile): void {
  const measure = createMeasure(profile)
  sample.forEach((row, index) => {
    const whole = measure(fieldsOf(requestOf(row))).row
    const raised = measured[index]!
    for (let feature = 0; feature < raised.length; feature++) raised[feature] = Math.max(raised[feature]!, whole[feature]!)
  })
}
