import { type Calibration, calibrate, surprisal } from './calibrate.ts'
import { FOREST_FEATURES, TAIL_FEATURES } from './features.ts'
import { type Forest, growForest, scoreRow } from './forest.ts'
import { type Prior, priorScore } from './prior.ts'
import { FOLDS } from './profile/counter.ts'
import type { Profile } from './profile/profile.ts'
import { fitTails, type Tails, topBits } from './tail.ts'

/** How a detector joins its voices. `local`: mean of forest and tails, and what the prior is sure of; `unknown hosts`: the prior, and what the forest is
 *  sure of (tails mislead where nothing is known of the site). */
export type Fusion = 'local' | 'unknown hosts'

/** All that scores the requests of known hosts, or of unknown ones: what was usual, the voices, and how rare each of their values is. */
export type Detector = {
  fusion: Fusion
  profile: Profile
  forest: Forest
  tails: Tails
  prior: Prior
  calibration: Record<'forest' | 'tails' | 'prior' | 'fused', Calibration>
  /** The median of each feature in training. */
  usual: Float64Array
}

export type Voices = Omit<Detector, 'profile'>
export type FitOptions = {
  prior: Prior
  fusion: Fusion
  random: () => number
  /** The part of training that each row comes from, 0 to 4: its forest and scale must not know it. */
  folds: ArrayLike<number>
  /** The prior's score of each row where it learned from these rows too, by a prior that did not. */
  priorScores?: readonly number[]
}

/** Of the helping voice only what is rarer than one in 30 (for unknown hosts: in a hundred) adds, and about a third of it: alone it must not decide. */
const SURE = { local: 1.5, 'unknown hosts': 2 }
const SHARE = { local: 0.35, 'unknown hosts': 0.25 }
/** With fewer scores than this the scale is laid with all of them. */
const ENOUGH_SETTLED = 1000
/** So many rows that are alike are no chance. */
const MANY_ALIKE = 5
/** Differences that are nothing strange, where all training requests are alike: in bits, in log odds, in powers of ten. */
const LEAST_TAIL = { tails: 0.25, prior: 0.05, fused: 0.2 }

/** Fits forest, tails and scale to rows of clean requests, each measured by a profile that did not know it. */
export function fitVoices(rows: readonly Float64Array[], { prior, fusion, random, folds, priorScores }: FitOptions): Voices {
  const short = rows.map(forestRow)
  const unseen = scoreUnseen(short, folds, random)
  const forest = growForest(short, random, unseen.sampleSize)
  const isShared = findShared(short)
  const tails = fitTails(rows.map(tailRow))
  const raw = rows.map((row, index) => ({
    // No two forests are alike: what this one makes of a row that many requests have must not lie above the scale.
    forest: isShared[index] === 1 ? Math.max(unseen.scores[index]!, scoreRow(forest, short[index]!)) : unseen.scores[index]!,
    tails: topBits(tails, tailRow(row)),
    prior: priorScores?.[index] ?? priorScore(prior, row),
  }))
  const single = {
    forest: calibrate(raw.map(voices => voices.forest)),
    tails: calibrate(
      raw.map(voices => voices.tails),
      LEAST_TAIL.tails,
    ),
    prior: calibrate(
      raw.map(voices => voices.prior),
      LEAST_TAIL.prior,
    ),
  }
  const joined = raw.map(voices => fuse(fusion, single, voices))
  const fused = calibrate(fusion === 'local' ? settled(joined, folds) : joined, LEAST_TAIL.fused)
  const usual = Float64Array.from(rows[0]!, (_, index) => median(rows.map(row => row[index]!)))
  return { fusion, forest, tails, prior, calibration: { ...single, fused }, usual }
}

/** Gives -log10 of the share of clean requests whose row is as strange as this; `unheard` is a voice that is not asked, as if it found nothing strange. */
export function judgeRow({ fusion, forest, tails, prior, calibration }: Voices, row: Float64Array, unheard?: Helper): number {
  const raw = {
    forest: unheard === 'forest' ? Number.NEGATIVE_INFINITY : scoreRow(forest, forestRow(row)),
    tails: fusion === 'local' ? topBits(tails, tailRow(row)) : 0,
    prior: unheard === 'prior' ? Number.NEGATIVE_INFINITY : priorScore(prior, row),
  }
  return surprisal(calibration.fused, fuse(fusion, calibration, raw))
}

/** Gives the helping voice if it is not sure of a row, and so adds nothing to what the row is judged by. */
export function unsureHelper({ fusion, forest, prior, calibration }: Voices, row: Float64Array): Helper | undefined {
  const helper = fusion === 'local' ? 'prior' : 'forest'
  const raw = helper === 'prior' ? priorScore(prior, row) : scoreRow(forest, forestRow(row))
  return surprisal(calibration[helper], raw) <= SURE[fusion] ? helper : undefined
}

/** Leaves out the first fifth in time, where enough remain. It was measured by what is known from later requests only, and looks stranger (twice as many reach 5,
 *  on 23 sites) than any request that is still to come, which all of them precede. */
function settled(scores: readonly number[], folds: ArrayLike<number>): readonly number[] {
  const later = scores.filter((_, index) => folds[index] !== 0)
  return later.length >= ENOUGH_SETTLED ? later : scores
}

/** Marks the rows that many are alike, as of a page that all visitors see. */
function findShared(rows: readonly Float64Array[]): Uint8Array {
  const count = new Map<string, number>()
  const keys = rows.map(row => row.join())
  for (const key of keys) count.set(key, (count.get(key) ?? 0) + 1)
  return Uint8Array.from(keys, key => Number(count.get(key)! >= MANY_ALIKE))
}

export type Helper = 'forest' | 'prior'
type Raw = { forest: number; tails: number; prior: number }

function fuse(fusion: Fusion, calibration: Record<keyof Raw, Calibration>, raw: Raw): number {
  const forest = surprisal(calibration.forest, raw.forest)
  const prior = surprisal(calibration.prior, raw.prior)
  const [main, helper] = fusion === 'local' ? [(forest + surprisal(calibration.tails, raw.tails)) / 2, prior] : [prior, forest]
  return main + SHARE[fusion] * Math.max(0, helper - SURE[fusion])
}

function forestRow(row: Float64Array): Float64Array {
  return row.subarray(0, FOREST_FEATURES)
}

function tailRow(row: Float64Array): Float64Array {
  return row.subarray(0, TAIL_FEATURES)
}

/** Scores the rows of each fold by a forest that was grown from the others; all forests, the final one too, take samples of one size, or few requests,
 *  all alike, would end above their own scale. */
function scoreUnseen(
  rows: readonly Float64Array[],
  folds: ArrayLike<number>,
  random: () => number,
): { scores: number[]; sampleSize: number } {
  const others = Array.from({ length: FOLDS }, (_, fold) => rows.filter((_, index) => folds[index] !== fold))
  // Rows that are all of one fold, as of hosts with one request each, are scored by a forest that knows them.
  const isUsed = (list: readonly Float64Array[]) => list.length < rows.length && list.length >= 2
  const sampleSize = Math.min(...others.filter(isUsed).map(list => list.length), rows.length)
  const forests = others.map(list => (isUsed(list) ? growForest(list, random, sampleSize) : undefined))
  const fallback = forests.find(forest => forest !== undefined) ?? growForest(rows, random, sampleSize)
  return { scores: rows.map((row, index) => scoreRow(forests[folds[index]!] ?? fallback, row)), sampleSize }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!
}
