import { toScale } from '../calibrate.ts'
import { type Detector, judgeRow, type Voices } from '../detector.ts'
import { createMeasure } from '../features.ts'
import { fieldsOf } from '../fields/fields.ts'
import { GRAFT_PLACES, graft } from '../graft.ts'
import { FOLDS } from '../profile/counter.ts'
import type { Profile } from '../profile/profile.ts'
import { PLENTY } from '../standing.ts'
import { PROBES } from './probes.ts'
import { requestOf, type SampleRow } from './row-sample.ts'

/** Whether a candidate may score: how many clean requests of the last fifth in time, which it was not fitted to, reach 5 and 8, and how many probes of attacks
 *  put into such requests reach 5. `problem` says what is out of bounds. */
export type Verdict = {
  held_out: number
  clean_over_5: number
  clean_over_8: number
  probes: number
  probes_over_5: number
  fit: boolean
  problem: string | null
}

type Candidate = {
  rows: readonly Float64Array[]
  folds: Uint8Array
  fit: (rows: readonly Float64Array[], folds: ArrayLike<number>) => Voices
  detector: Detector
  sample: readonly SampleRow[]
  freeze: (withoutFold?: number) => Profile
  random: () => number
}

/** Meant are 1 and 0.01 %: what is surely (95 %) beyond these is a scale that does not hold. */
const MOST_OVER_5 = 0.05
/** What was trained on little errs more, and cannot reach 8. */
const MOST_OVER_5_YOUNG = 0.1
const MOST_OVER_8 = 0.002
/** Measured: .94 to .99 on real sites. */
const LEAST_RECALL = 0.6
const Z = 1.645

/** Fits the voices without the last fold and tries them on it, clean and with probes of attacks. */
export function judgeCandidate({ rows, folds, fit, sample, freeze, random }: Candidate): Verdict {
  const last = FOLDS - 1
  // Requests of hosts with few go to the base model in any case.
  const held = rows.map((_, index) => index).filter(index => folds[index] === last && sample[index]!.counts)
  const known = rows.map((_, index) => index).filter(index => folds[index] !== last)
  const voices = fit(
    known.map(index => rows[index]!),
    known.map(index => folds[index]!),
  )
  const scoreOf = (row: Float64Array) => toScale(judgeRow(voices, row))
  const clean = held.map(index => scoreOf(rows[index]!))
  const measure = createMeasure(freeze(last))
  const hosts = held.length === 0 ? known : held
  const probes = PROBES.map((text, index) => {
    const request = requestOf(sample[hosts[Math.floor(random() * hosts.length)]!]!)
    return scoreOf(measure(fieldsOf(graft(request, text, GRAFT_PLACES[index % GRAFT_PLACES.length]!, random))).row)
  })
  const over = (scores: readonly number[], least: number) => scores.filter(score => score >= least).length
  const counts = { over5: over(clean, 5), over8: over(clean, 8), found: over(probes, 5) }
  const problem = problemOf(counts, {
    clean: held.length,
    probes: probes.length,
    mostOver5: rows.length < PLENTY ? MOST_OVER_5_YOUNG : MOST_OVER_5,
  })
  return {
    held_out: held.length,
    clean_over_5: counts.over5,
    clean_over_8: counts.over8,
    probes: probes.length,
    probes_over_5: counts.found,
    fit: problem === null,
    problem,
  }
}

type Tried = { clean: number; probes: number; mostOver5: number }

function problemOf(
  { over5, over8, found }: { over5: number; over8: number; found: number },
  { clean, probes, mostOver5 }: Tried,
): string | null {
  const percent = (part: number, all: number) => `${((100 * part) / all).toFixed(2)} %`
  if (isSurelyOver(over5, clean, mostOver5))
    return `${percent(over5, clean)} of ${clean} clean requests of the last recordings reach 5, at most ${mostOver5 * 100} % may; train on more, or on cleaner requests`
  if (isSurelyOver(over8, clean, MOST_OVER_8))
    return `${percent(over8, clean)} of ${clean} clean requests of the last recordings reach 8, at most ${MOST_OVER_8 * 100} % may; train on more, or on cleaner requests`
  if (clean > 0 && found < LEAST_RECALL * probes)
    return `only ${found} of ${probes} probes of attacks reach 5, ${Math.ceil(LEAST_RECALL * probes)} should; attacks may be among the training requests, or too few requests`
  return null
}

/** Says whether the share is above a bound with 95 % confidence (Wilson 1927, lower limit). */
function isSurelyOver(part: number, all: number, bound: number): boolean {
  if (all === 0) return false
  const share = part / all
  const centre = share + Z ** 2 / (2 * all)
  const spread = Z * Math.sqrt((share * (1 - share)) / all + Z ** 2 / (4 * all ** 2))
  return (centre - spread) / (1 + Z ** 2 / all) > bound
}
