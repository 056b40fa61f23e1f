import { createHash } from 'node:crypto'
import * as v from 'valibot'
import type { Result } from '../types.ts'
import { KNOTS } from './calibrate.ts'
import { FEATURES } from './features.ts'
import type { Forest } from './forest.ts'
import type { Model } from './model.ts'

/** Raised whenever a change makes older models score differently. */
const FORMAT = 1
const MOST_NODES = 2_000_000
/** Several times what the package grows, which stops at log2 of the rows. */
const MOST_DEPTH = 64

const finite = v.pipe(v.number(), v.finite())
const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const index = v.pipe(whole, v.maxValue(MOST_NODES))

const Body = v.strictObject({
  version: v.pipe(v.string(), v.regex(/^[\w.:-]{1,64}$/)),
  trained_at: whole,
  trained_on: whole,
  seed: whole,
  features: v.pipe(v.array(v.string()), v.maxLength(100)),
  usual: v.array(finite),
  raw: v.pipe(v.array(finite), v.length(KNOTS)),
  tail_mean: v.pipe(finite, v.minValue(1e-9)),
  sample_size: v.pipe(index, v.minValue(2)),
  roots: v.pipe(v.array(index), v.minLength(1), v.maxLength(1000)),
  children: v.pipe(v.array(index), v.maxLength(MOST_NODES)),
  split: v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(-1), v.maxValue(FEATURES.length - 1))), v.maxLength(MOST_NODES)),
  thresholds: v.pipe(v.array(finite), v.maxLength(MOST_NODES)),
})

/** Writes a model as one line of JSON that carries its format and a checksum. */
export function modelToText(model: Model): string {
  const { forest, calibration } = model
  const body = JSON.stringify({
    version: model.version,
    trained_at: model.trainedAt,
    trained_on: model.trainedOn,
    seed: model.seed,
    features: FEATURES.map(({ name }) => name),
    usual: [...model.usual],
    raw: [...calibration.raw],
    tail_mean: calibration.tailMean,
    sample_size: forest.sampleSize,
    roots: [...forest.roots],
    children: [...forest.children],
    split: [...forest.features],
    thresholds: [...forest.thresholds],
  } satisfies v.InferInput<typeof Body>)
  return `{"modwarden_model":${FORMAT},"sha256":"${checksum(body)}","body":${body}}\n`
}

/** Reads a model. Whatever else the text is comes back as a problem: nothing in it is followed before every index has been checked. */
export function parseModel(text: string): Result<Model> {
  const match = /^\{"modwarden_model":(\d{1,9}),"sha256":"([0-9a-f]{64})","body":(\{.*\})\}\n?$/s.exec(text)
  if (!match) return problem('is no modwarden model')
  const [, format, digest, body] = match
  if (Number(format) !== FORMAT) return problem(`has model format ${format}, this modwarden reads ${FORMAT}; run 'modwarden train' again`)
  if (checksum(body!) !== digest) return problem('is damaged: its checksum is wrong')
  const parsed = v.safeParse(Body, readJson(body!), { abortEarly: true })
  if (!parsed.success)
    return problem(`is no valid model: ${v.getDotPath(parsed.issues[0]) ?? 'body'} ${parsed.issues[0].message.slice(0, 80)}`)
  return toModel(parsed.output)
}

function toModel(body: v.InferOutput<typeof Body>): Result<Model> {
  const names = FEATURES.map(({ name }) => name).join()
  if (body.features.join() !== names || body.usual.length !== FEATURES.length)
    return problem("measures other features; run 'modwarden train' again")
  if (body.raw.some((score, knot) => knot > 0 && score < body.raw[knot - 1]!)) return problem('has a scale that falls')
  const forest: Forest = {
    roots: Int32Array.from(body.roots),
    children: Int32Array.from(body.children),
    features: Int16Array.from(body.split),
    thresholds: Float64Array.from(body.thresholds),
    sampleSize: body.sample_size,
  }
  const fault = forestFault(forest)
  if (fault !== undefined) return problem(fault)
  return {
    ok: true,
    value: {
      version: body.version,
      trainedAt: body.trained_at,
      trainedOn: body.trained_on,
      seed: body.seed,
      forest,
      calibration: { raw: Float64Array.from(body.raw), tailMean: body.tail_mean },
      usual: Float64Array.from(body.usual),
    },
  }
}

/** A walk must end, and soon: children stand behind their parent, both are there, and no branch is longer than any that is grown.
 *  A leaf's path is no shorter than 0, so that no score leaves 0 to 1. */
function forestFault({ roots, children, features, thresholds }: Forest): string | undefined {
  if (children.length !== features.length || thresholds.length !== features.length) return 'has trees of uneven length'
  if (roots.some(root => root >= features.length)) return 'has a tree that begins outside'
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
