import { growPrior } from '../../src/core/model/boost.ts'
import { fitVoices } from '../../src/core/model/detector.ts'
import { createMeasure } from '../../src/core/model/features.ts'
import { fieldsOf } from '../../src/core/model/fields/fields.ts'
import { GRAFT_PLACES, graft } from '../../src/core/model/graft.ts'
import { type Prior, priorScore } from '../../src/core/model/prior.ts'
import { FOLDS } from '../../src/core/model/profile/counter.ts'
import { createProfileCounts, LIMITS } from '../../src/core/model/profile/counts.ts'
import { createFreezer } from '../../src/core/model/profile/freeze.ts'
import { createHash53, type Salt } from '../../src/core/model/profile/hash.ts'
import { PURPOSE } from '../../src/core/model/profile/profile.ts'
import { mulberry32 } from '../../src/core/model/random.ts'
import type { TrainedModel } from '../../src/core/model/trained.ts'
import type { HttpRequest } from '../../src/core/types.ts'
import { type Attack, drawFrom, hide } from './attacks.ts'

const SALT: Salt = [0x6d6f6477, 0x61726465]
/** A name that fewer sites have says nothing of other sites, and may say something of its own. */
const FEWEST_SITES = 3
const ATTACKS_A_REQUEST = 2
/** So many priors, each from other attacks in other requests, are averaged: what one of them happens to see in its rows, the others do not. */
const BAGS = 3
const PRIOR = { trees: 60, rate: 0.2 }
/** How often an attack is put where, of 18. */
const PLACES = { argument: 4, 'new argument': 6, form: 2, path: 1, cookie: 2, referer: 1, 'user agent': 1, forwarded: 1 } as const

/** Trains the model that knows many sites and none of the reader's. Sites are the folds: each request is measured as one to a site that was never seen. */
export function trainBase(requests: readonly HttpRequest[], attacks: readonly Attack[], seed: number): TrainedModel {
  const random = mulberry32(seed)
  const taken = requests.map(fieldsOf)
  const hash = createHash53(SALT)
  const sites = taken.map(({ host }) => siteOf(host))
  const folds = sites.map(site => hash(site, PURPOSE.host) % FOLDS)

  const sitesOfName = new Map<number, Set<string>>()
  taken.forEach(({ fields }, index) => {
    for (const { group, key } of fields) {
      const name = hash(key, PURPOSE.name + group)
      sitesOfName.set(name, (sitesOfName.get(name) ?? new Set()).add(sites[index]!))
    }
  })
  const isKept = (name: number) => (sitesOfName.get(name)?.size ?? 0) >= FEWEST_SITES
  const counts = createProfileCounts(SALT, { limits: { ...LIMITS, hosts: 0 }, isKept })
  for (const [index, fields] of taken.entries()) counts.add(fields, folds[index]!)
  const freeze = createFreezer(counts)
  const measures = Array.from({ length: FOLDS }, (_, fold) => createMeasure(freeze(fold)))

  const rows = taken.map((fields, index) => measures[folds[index]!]!(fields).row)
  const draw = drawFrom(attacks, random)
  const places = GRAFT_PLACES.flatMap(place => Array.from({ length: PLACES[place] }, () => place))
  const grafted = Array.from({ length: BAGS * ATTACKS_A_REQUEST * requests.length }, (_, place) => {
    const index = Math.floor(random() * requests.length)
    const attacked = graft(requests[index]!, hide(draw().text, random), places[Math.floor(random() * places.length)]!, random)
    return { bag: place % BAGS, fold: folds[index]!, row: measures[folds[index]!]!(fieldsOf(attacked)).row }
  })
  const grow = (without?: number) => {
    const clean = rows.filter((_, index) => folds[index] !== without)
    return averaged(
      Array.from({ length: BAGS }, (_, bag) => {
        const bad = grafted.filter(found => found.bag === bag && found.fold !== without).map(({ row }) => row)
        return growPrior([...clean, ...bad], Uint8Array.from([...clean.map(() => 0), ...bad.map(() => 1)]), PRIOR)
      }),
    )
  }
  const foldPriors = Array.from({ length: FOLDS }, (_, fold) => grow(fold))
  const priorScores = rows.map((row, index) => priorScore(foldPriors[folds[index]!]!, row))
  const voices = fitVoices(rows, { prior: grow(), fusion: 'unknown hosts', random, folds, priorScores })
  return {
    version: 'base-4',
    trainedAt: 0,
    trainedOn: requests.length,
    seed,
    summary: { sites: new Set(sites).size, attacks: attacks.length },
    seenAgain: new Uint8Array(0),
    hasPhrases: new Uint8Array(0),
    detector: { ...voices, profile: freeze() },
  }
}

/** Joins priors to one whose log odds are the mean of theirs. */
function averaged(priors: readonly Prior[]): Prior {
  return {
    features: Uint8Array.from(priors.flatMap(prior => [...prior.features])),
    thresholds: Float64Array.from(priors.flatMap(prior => [...prior.thresholds])),
    leaves: Float64Array.from(priors.flatMap(prior => [...prior.leaves].map(leaf => leaf / priors.length))),
  }
}

/** The last two labels of a host's name: requests to one site must not be on both sides. */
function siteOf(host: string): string {
  return host.replace(/:\d+$/, '').split('.').slice(-2).join('.')
}
