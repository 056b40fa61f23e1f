import { closeSync, constants, fstatSync, mkdirSync, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createModel, type Model } from '../core/model/model.ts'
import { modelToText, parseModel } from '../core/model/model-text.ts'
import type { TrainedModel } from '../core/model/trained.ts'
import { isVersion } from '../core/model-history.ts'
import type { Result } from '../core/types.ts'
import { readAt } from './follow/fingerprint.ts'
import type { Log } from './log.ts'
import { writeWhole } from './write-whole.ts'

export const BASE_PATH = fileURLToPath(new URL('../../models/base.json', import.meta.url))
/** The file of a model folder that scores; a version becomes it by rename. */
export const ACTIVE = 'active.json'
/** The stamp of a folder where no model is active. */
const NO_MODEL = 'base'
/** The version stands within so many bytes of a model's file. */
const HEAD = 256
const MOST_BYTES = 64 * 1024 * 1024

/** What a model is made of; `local` is missing where only the base model scores. */
export type ModelParts = { base: TrainedModel; local?: TrainedModel }

/** Loads the active model of a folder, or the base model that ships with the program where there is none. */
export function loadModel(folder: string): Result<Model> {
  return joined(loadModelParts(folder))
}

/** Loads what the active model of a folder is made of. */
export function loadModelParts(folder: string): Result<ModelParts> {
  return readParts(activePath(folder))
}

/** Loads the active model of a folder alone, without the base model behind it. */
export function loadActive(folder: string): Result<TrainedModel> {
  return readTrained(activePath(folder))
}

function activePath(folder: string): string {
  const path = join(folder, ACTIVE)
  return stampOf(path) === NO_MODEL ? BASE_PATH : path
}

/** Loads the model that ships with the program. */
export function loadBaseModel(): Result<Model> {
  return readModel(BASE_PATH)
}

/** Reads one model file and joins it with the base model; what is wrong with it comes back as a problem that names the file. */
export function readModel(path: string): Result<Model> {
  return joined(readParts(path))
}

function readParts(path: string): Result<ModelParts> {
  const trained = readTrained(path)
  if (!trained.ok) return trained
  if (isBase(trained.value)) return { ok: true, value: { base: trained.value } }
  const base = readTrained(BASE_PATH)
  return base.ok ? { ok: true, value: { base: base.value, local: trained.value } } : base
}

/** Says whether a model knows no host of its own. */
export function isBase({ detector }: TrainedModel): boolean {
  return detector.fusion === 'unknown hosts'
}

function joined(parts: Result<ModelParts>): Result<Model> {
  return parts.ok ? { ok: true, value: createModel(parts.value.base, parts.value.local) } : parts
}

/** Reads what a model file holds; what is wrong with it comes back as a problem that names the file. Never waits for a pipe or reads without end. */
export function readTrained(path: string): Result<TrainedModel> {
  let fd: number | undefined
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const file = fstatSync(fd)
    if (!file.isFile()) return { ok: false, problem: `${path} is no file` }
    const { size } = file
    if (size > MOST_BYTES) return { ok: false, problem: `${path} is too large for a model (${size} bytes)` }
    const model = parseModel(readAt(fd, 0, size).toString('utf8'))
    return model.ok ? model : { ok: false, problem: `${path} ${model.problem}` }
  } catch (error) {
    return { ok: false, problem: `cannot read the model: ${(error as Error).message}` }
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Gives the version of the model that ships with the program, by the beginning of its file alone; undefined when it is damaged there. */
export function baseVersion(): string | undefined {
  const fd = openSync(BASE_PATH, constants.O_RDONLY)
  try {
    return /"body":\{"version":"([^"]+)"/.exec(readAt(fd, 0, HEAD).toString('latin1'))?.[1]
  } finally {
    closeSync(fd)
  }
}

/** Writes a model beside the others of a folder, under its version, and gives the path. Nobody ever sees half of it. */
export function saveModel(folder: string, model: TrainedModel): string {
  if (!isVersion(model.version)) throw new Error(`'${model.version}' cannot be the name of a model's version`)
  const path = join(folder, `${model.version}.json`)
  const text = modelToText(model)
  // It could be written and activated, and nobody would read it.
  if (Buffer.byteLength(text) > MOST_BYTES)
    throw new Error(
      `the model is too large and was not kept (${Buffer.byteLength(text)} bytes, ${MOST_BYTES} are read); train it on fewer sites`,
    )
  mkdirSync(folder, { recursive: true, mode: 0o750 })
  writeWhole(path, text)
  return path
}

/** Keeps the model of a folder at hand: `refresh` takes over a newly activated one; a damaged one is told and the last good one stays. */
export function openModel(folder: string, log: Log): { current(): Model; refresh(): void } {
  const path = join(folder, ACTIVE)
  let seen = stampOf(path)
  let model = firstModel(folder, log)
  return {
    current: () => model,
    refresh() {
      const now = stampOf(path)
      if (now === seen) return
      seen = now
      const next = loadModel(folder)
      if (!next.ok) return log.error('model.refused', { problem: next.problem, kept: model.version })
      model = next.value
      log.info('model.activated', { model: model.version })
    },
  }
}

/** What changes whenever the file does; a file that cannot be looked at (permissions, a circle of links) has a stamp too, and is told when it is read. */
function stampOf(path: string): string {
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    return found === undefined ? NO_MODEL : `${found.ino}:${found.mtimeMs}:${found.size}`
  } catch (error) {
    return `unreadable: ${(error as Error).message}`
  }
}

function firstModel(folder: string, log: Log): Model {
  const active = loadModel(folder)
  if (active.ok) return active.value
  log.error('model.refused', { problem: active.problem, kept: 'the base model' })
  const base = loadBaseModel()
  if (!base.ok) throw new Error(base.problem)
  return base.value
}
