import type { HttpRequest, Millis, Reason } from '../types.ts'
import { toScale } from './calibrate.ts'
import { type Detector, judgeRow } from './detector.ts'
import { explainRow } from './explain.ts'
import { createMeasure, FEATURES, type Measure, type Measured } from './features.ts'
import { type Fields, fieldsOf } from './fields/fields.ts'
import { createHash53 } from './profile/hash.ts'
import { PURPOSE } from './profile/profile.ts'
import { CEILING, PLENTY, type Standing, standingOf } from './standing.ts'
import type { TrainedModel } from './trained.ts'

/** What scores requests: the base model, which knows many sites and none of yours, and what was trained on your own traffic. */
export type Model = {
  version: string
  trainedAt: Millis
  trainedOn: number
  seed: number
  base: Scorer & { version: string }
  local: (Scorer & Hosts) | undefined
  measured: (request: HttpRequest) => MeasuredRequest
  /** The score that those who know many sites give a request. */
  elsewhere: (fields: Fields) => number
}

/** A request taken apart and measured, by the detector that knows its host; `most`: what it may score by that. */
type MeasuredRequest = { fields: Fields; standing: Standing } & Judged
type Judged = { detector: Detector; measured: Measured; most: number }

type Scorer = { detector: Detector; measure: Measure }
/** What own traffic has taught of a host: how much, whether also of bodies, and whether ordinary requests there have phrases as attacks do. */
type Hosts = { standingOf: (host: string) => Standing; knowsBodies: (host: string) => boolean; knowsPhrases: (host: string) => boolean }

/** `score` 0 (ordinary) to 10 (strange), two decimals; `raw` is the share of clean requests that are less strange (0 to 1), neither
 *  rounded nor capped. `capped`: the host has too little local data, so that the base model
 *  scores it, up to `ceiling`. `unconfirmed`: strange here, but ordinary elsewhere, and so held below what blocks at once. `missing`: what the log does not
 *  hold of the request, and so was not looked at. */
export type Scored = {
  score: number
  raw: number
  capped: boolean
  ceiling: number
  unconfirmed: boolean
  missing: readonly ('headers' | 'body')[]
}

/** What two readers could take for different requests, no client sends by chance: 5.6 at least. */
const ODD_FRAMING = 2.4
/** What never came in training may come from now on to everybody: a new argument of a newsletter, a new page. However uniform a site was, such news alone do not
 *  reach 8; beyond 7.9 the base model must find the request as strange as one in 2,000 of other sites. */
const NEWS_REACH = 7.9
const STRANGE_ELSEWHERE = 7
const PHRASES = FEATURES.indexOf('k_sure')

/** Makes a model of the base model and of one that was trained on own traffic, if there is one. */
export function createModel(base: TrainedModel, local?: TrainedModel): Model {
  return joined({ version: base.version, ...scorerOf(base.detector) }, { trained: local ?? base, isLocal: local !== undefined })
}

/** Makes a model of the base model that another one has, without a second copy of it, and of one that was trained on own traffic. */
export function withLocal({ base }: Model, local: TrainedModel): Model {
  return joined(base, { trained: local, isLocal: true })
}

function joined(base: Model['base'], { trained, isLocal }: { trained: TrainedModel; isLocal: boolean }): Model {
  const { version, trainedAt, trainedOn, seed, detector } = trained
  const local = isLocal ? { ...scorerOf(detector), ...createHosts(trained) } : undefined
  const elsewhere = (fields: Fields) => toScale(judgeRow(base.detector, base.measure(fields).row))
  return { version, trainedAt, trainedOn, seed, base, local, measured: createMeasured(base, local), elsewhere }
}

/** Scores a request on what the log holds of it. */
export function scoreRequest(model: Model, request: HttpRequest): Scored {
  const { fields, detector, standing, measured, most } = model.measured(request)
  const lp = Math.max(judgeRow(detector, measured.row), fields.oddFraming ? ODD_FRAMING : 0)
  const ceiling = CEILING[standing]
  const score = Math.min(most, toScale(lp))
  const unconfirmed = score > NEWS_REACH && model.elsewhere(fields) < STRANGE_ELSEWHERE
  return {
    score: unconfirmed ? NEWS_REACH : score,
    raw: -Math.expm1(-lp * Math.LN10),
    capped: standing === 'unknown',
    ceiling,
    unconfirmed,
    missing: missingOf(fields),
  }
}

/** Says in words what holds a score down, and what was not looked at. */
export function scoreNotes({ capped, ceiling, unconfirmed, missing }: Scored): string[] {
  return [
    ...(capped ? [`too little local data of this host: the base model scores it, ${ceiling} at most`] : []),
    ...(!capped && ceiling < 10 ? [`fewer than ${PLENTY} local requests of this host: ${ceiling} at most`] : []),
    ...(unconfirmed ? [`new at this host, but nothing strange at others: ${NEWS_REACH} at most`] : []),
    ...missing.map(part => `the log does not hold the ${part}: scored on the rest`),
  ]
}

/** Says what led to a score: the features without which it would be lower, most telling first. `surprise` is in points of the score. */
export function explainRequest(model: Model, request: HttpRequest): Reason[] {
  const { fields, detector, measured } = model.measured(request)
  return explainRow(detector, measured, fields)
}

/** Makes the function that measures requests by what is known of their host; the latest one is remembered, as what is worth explaining was scored just
 *  before (which halves the time of the reasons). */
function createMeasured(base: Scorer, local: Model['local']): Model['measured'] {
  let latest: { request: HttpRequest; measured: MeasuredRequest } | undefined
  return request => {
    if (latest?.request === request) return latest.measured
    latest = undefined
    const fields = fieldsOf(request)
    const standing = local?.standingOf(fields.host) ?? 'unknown'
    latest = { request, measured: { fields, standing, ...judged(fields, standing) } }
    return latest.measured
  }

  function judged(fields: Fields, standing: Standing): Judged {
    const byBase = () => ({ detector: base.detector, measured: base.measure(fields), most: CEILING.unknown })
    if (local === undefined || standing === 'unknown') return byBase()
    const own = { detector: local.detector, measured: local.measure(fields), most: CEILING[standing] }
    // What an access log taught nothing of, and what only attacks have, is for those who know other sites.
    const isNewBody = fields.hasBody === true && !local.knowsBodies(fields.host)
    const isNewPhrase = own.measured.row[PHRASES]! > 0 && !local.knowsPhrases(fields.host)
    if (!isNewBody && !isNewPhrase) return own
    const other = byBase()
    return pointsOf(other) > pointsOf(own) ? other : own
  }
}

function pointsOf({ detector, measured, most }: Judged): number {
  return Math.min(most, toScale(judgeRow(detector, measured.row)))
}

function scorerOf(detector: Detector): Scorer {
  return { detector, measure: createMeasure(detector.profile) }
}

function createHosts({ detector: { profile }, seenAgain, hasPhrases }: TrainedModel): Hosts {
  const hash = createHash53(profile.salt)
  const idOf = (host: string) => profile.hosts.get(hash(host, PURPOSE.host)) ?? -1
  return {
    standingOf(host) {
      const id = idOf(host)
      return id < 0 ? 'unknown' : standingOf(profile.host.requests[id]!, seenAgain[id] === 1)
    },
    knowsBodies: host => (profile.host.withHeaders[idOf(host)] ?? 0) > 0,
    knowsPhrases: host => hasPhrases[idOf(host)] === 1,
  }
}

function missingOf({ headers, hasBody }: Fields): ('headers' | 'body')[] {
  return [...(headers === 'all' ? [] : ['headers' as const]), ...(hasBody === 'unknown' ? ['body' as const] : [])]
}
