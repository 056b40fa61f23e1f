import * as v from 'valibot'
import { type Calibration, KNOTS } from '../calibrate.ts'
import type { Detector } from '../detector.ts'
import { FEATURES, FOREST_FEATURES, TAIL_FEATURES } from '../features.ts'
import type { Forest } from '../forest.ts'
import { PRIOR_LEAVES, PRIOR_QUESTIONS } from '../prior.ts'
import { TAIL_KNOTS } from '../tail.ts'
import { areBelow, array, arrayToText, isRising } from './arrays.ts'
import { bodyToProfile, ProfileBody, profileToBody } from './profile-text.ts'

const MOST_TREES = 1000
/** Several times what the package grows, which stops at log2 of the rows. */
const MOST_DEPTH = 64

/** Far more than any leaf has; that sums stay numbers. */
const MOST_LOG_ODDS = 1e6

const finite = v.pipe(v.number(), v.finite())
const doubles = array('f64')
const Scale = v.strictObject({
  raw: array('f64', found => found.length === KNOTS && isRising(found)),
  last: v.pipe(finite, v.minValue(1), v.maxValue(9)),
  tail_mean: v.pipe(finite, v.minValue(1e-9)),
})

/** What a detector looks like in a model's JSON. */
export const DetectorBody = v.strictObject({
  fusion: v.picklist(['local', 'unknown hosts']),
  features: v.pipe(v.array(v.string()), v.maxLength(100)),
  usual: array('f64', found => found.length === FEATURES.length),
  profile: ProfileBody,
  forest: v.strictObject({
    sample_size: v.pipe(v.number(), v.safeInteger(), v.minValue(2), v.maxValue(1e9)),
    roots: array('i32', found => found.length > 0 && found.length <= MOST_TREES),
    children: array('i32'),
    split: array('i16', found => found.every(feature => feature >= -1 && feature < FOREST_FEATURES)),
    thresholds: doubles,
  }),
  tails: v.strictObject({
    rows: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
    value: array('f64', found => found.length === TAIL_FEATURES * TAIL_KNOTS),
    count: array('f64', found => found.length === TAIL_FEATURES * TAIL_KNOTS && areBelow(found, 2 ** 53)),
    reach: array('f64', found => found.length === TAIL_FEATURES && found.every(reach => reach > 0)),
  }),
  prior: v.strictObject({
    features: array('u8', found => areBelow(found, FEATURES.length) && found.length <= MOST_TREES * PRIOR_QUESTIONS),
    thresholds: doubles,
    leaves: array('f64', found => found.every(leaf => Math.abs(leaf) <= MOST_LOG_ODDS)),
  }),
  calibration: v.strictObject({ forest: Scale, tails: Scale, prior: Scale, fused: Scale }),
})

export function detectorToBody({ fusion, usual, profile, forest, tails, prior, calibration }: Detector): v.InferInput<typeof DetectorBody> {
  return {
    fusion,
    features: [...FEATURES],
    usual: arrayToText(usual),
    profile: profileToBody(profile),
    forest: {
      sample_size: forest.sampleSize,
      roots: arrayToText(forest.roots),
      children: arrayToText(forest.children),
      split: arrayToText(forest.features),
      thresholds: arrayToText(forest.thresholds),
    },
    tails: { rows: tails.rows, value: arrayToText(tails.value), count: arrayToText(tails.count), reach: arrayToText(tails.reach) },
    prior: { features: arrayToText(prior.features), thresholds: arrayToText(prior.thresholds), leaves: arrayToText(prior.leaves) },
    calibration: {
      forest: scaleToBody(calibration.forest),
      tails: scaleToBody(calibration.tails),
      prior: scaleToBody(calibration.prior),
      fused: scaleToBody(calibration.fused),
    },
  }
}

/** Makes a detector of its body; what does not fit together comes back as a problem. */
export function bodyToDetector(body: v.InferOutput<typeof DetectorBody>): Detector | { problem: string } {
  if (body.features.join() !== FEATURES.join()) return { problem: "measures other features; run 'modwarden train' again" }
  const profile = bodyToProfile(body.profile)
  if (profile === undefined) return { problem: 'has tables that do not fit together' }
  const { roots, children, split, thresholds, sample_size } = body.forest
  const forest: Forest = { roots, children, features: split, thresholds, sampleSize: sample_size }
  const fault = forestFault(forest)
  if (fault !== undefined) return { problem: fault }
  const trees = body.prior.features.length / PRIOR_QUESTIONS
  if (
    !Number.isInteger(trees) ||
    body.prior.thresholds.length !== trees * PRIOR_QUESTIONS ||
    body.prior.leaves.length !== trees * PRIOR_LEAVES
  )
    return { problem: 'has a prior of uneven length' }
  const { forest: trunk, tails, prior, fused } = body.calibration
  return {
    fusion: body.fusion,
    usual: body.usual,
    profile,
    forest,
    tails: body.tails,
    prior: body.prior,
    calibration: { forest: toScale(trunk), tails: toScale(tails), prior: toScale(prior), fused: toScale(fused) },
  }
}

function scaleToBody({ raw, last, tailMean }: Calibration): v.InferInput<typeof Scale> {
  return { raw: arrayToText(raw), last, tail_mean: tailMean }
}

function toScale({ raw, last, tail_mean }: v.InferOutput<typeof Scale>): Calibration {
  return { raw, last, tailMean: tail_mean }
}

/** A walk must end, and soon: children stand behind their parent, both are there, and no branch is longer than any that is grown.
 *  A leaf's path is no shorter than 0, so that no score leaves 0 to 1. */
function forestFault({ roots, children, features, thresholds }: Forest): string | undefined {
  if (children.length !== features.length || thresholds.length !== features.length) return 'has trees of uneven length'
  if (roots.some(root => root < 0 || root >= features.length)) return 'has a tree that begins outside'
  const isWrong = (child: number, node: number) => features[node]! >= 0 && (child <= node || child + 1 >= features.length)
  if (children.some(isWrong)) return 'has a tree that leads outside or in a circle'
  if (thresholds.some((path, node) => features[node]! < 0 && path < 0)) return 'has a leaf with a path below 0'
  return deepest(children, features) > MOST_DEPTH ? `has a branch longer than ${MOST_DEPTH}` : undefined
}

/** Gives the length of the longest branch; children must stand behind their parent. */
function deepest(children: Int32Array, features: Int16Array): number {
  const depths = new Int32Array(features.length)
  for (let node = 0; node < features.length; node++) {
    if (features[node]! < 0) continue
    for (const child of [children[node]!, children[node]! + 1]) depths[child] = Math.max(depths[child]!, depths[node]! + 1)
  }
  return depths.reduce((most, depth) => Math.max(most, depth), 0)
}
