import { createHash } from 'node:crypto'
import * as v from 'valibot'
import { printable } from '../printable.ts'
import type { Result } from '../types.ts'
import { array, arrayToText } from './text/arrays.ts'
import { bodyToDetector, DetectorBody, detectorToBody } from './text/detector-text.ts'
import type { TrainedModel } from './trained.ts'

/** Raised whenever a change makes older models score differently. */
const FORMAT = 2

/** The last instant that a date can hold. */
const LAST_MILLIS = 8.64e15
const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

const Body = v.strictObject({
  version: v.pipe(v.string(), v.regex(/^[\w.:-]{1,64}$/)),
  trained_at: v.pipe(whole, v.maxValue(LAST_MILLIS)),
  trained_on: whole,
  seed: whole,
  /** What training says of itself, for people; nothing is decided by it. */
  summary: v.record(v.string(), v.unknown()),
  /** By host: whether it was recorded at two times at least. */
  seen_again: array('u8'),
  /** By host: whether there were phrases of attacks; models that were made before this was counted know none that had none. */
  has_phrases: v.optional(array('u8')),
  detector: DetectorBody,
})

/** Writes a trained model as one line of JSON that carries its format and a checksum. */
export function modelToText(model: TrainedModel): string {
  const body = JSON.stringify({
    version: model.version,
    trained_at: model.trainedAt,
    trained_on: model.trainedOn,
    seed: model.seed,
    summary: model.summary,
    seen_again: arrayToText(model.seenAgain),
    has_phrases: arrayToText(model.hasPhrases),
    detector: detectorToBody(model.detector),
  } satisfies v.InferInput<typeof Body>)
  return `{"modwarden_model":${FORMAT},"sha256":"${checksum(body)}","body":${body}}\n`
}

/** Reads a trained model. Whatever else the text is comes back as a problem: nothing in it is followed before every index has been checked. */
export function parseModel(text: string): Result<TrainedModel> {
  const match = /^\{"modwarden_model":(\d{1,9}),"sha256":"([0-9a-f]{64})","body":(?=\{)/.exec(text)
  const end = text.endsWith('\n') ? text.length - 2 : text.length - 1
  if (!match || text[end] !== '}') return problem('is no modwarden model')
  const [, format, digest] = match
  if (Number(format) !== FORMAT) return problem(`has model format ${format}, this modwarden reads ${FORMAT}; run 'modwarden train' again`)
  const body = text.slice(match[0].length, end)
  if (checksum(body) !== digest) return problem('is damaged: its checksum is wrong')
  const parsed = v.safeParse(Body, readJson(body), { abortEarly: true })
  if (!parsed.success)
    return problem(
      `is no valid model: ${printable(v.getDotPath(parsed.issues[0]) ?? 'body', 80)} ${printable(parsed.issues[0].message, 80)}`,
    )
  const { version, trained_at: trainedAt, trained_on: trainedOn, seed, summary, seen_again: seenAgain } = parsed.output
  const detector = bodyToDetector(parsed.output.detector)
  if ('problem' in detector) return problem(detector.problem)
  const hosts = detector.profile.hosts.size
  const hasPhrases = parsed.output.has_phrases ?? new Uint8Array(hosts).fill(1)
  if (seenAgain.length !== hosts || hasPhrases.length !== hosts) return problem('has tables that do not fit together')
  return { ok: true, value: { version, trainedAt, trainedOn, seed, summary, seenAgain, hasPhrases, detector } }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function problem(text: string): { ok: false; problem: string } {
  return { ok: false, problem: text }
}
