import { existsSync, lstatSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { modelToText } from '../core/model/model-text.ts'
import type { TrainedModel } from '../core/model/trained.ts'
import { BASE_VERSION, type History, historyToText, isVersion, parseHistory, stepsBack, withActivation } from '../core/model-history.ts'
import type { Result } from '../core/types.ts'
import { ACTIVE, baseVersion, readTrained, saveModel } from './model-file.ts'
import { withLock } from './store/lock.ts'
import { removeWhole, writeWhole } from './write-whole.ts'

/** What was active before, for a rollback; and the lock of whoever changes what is active. */
const HISTORY = '.history.json'
const LOCK = '.lock'
const MOST_HISTORY_BYTES = 64 * 1024

/** Makes a model the one that scores, and keeps it under its version too; running processes pick it up within a minute or at a reload. */
export function activateModel(folder: string, model: TrainedModel): void {
  locked(folder, () => {
    if (!existsSync(join(folder, `${model.version}.json`))) saveModel(folder, model)
    switchTo(folder, model, withActivation(readHistory(folder), activeVersion(folder), model.version))
  })
}

/** Makes a version of the folder the one that scores; `base` stands for the model that ships with the program. Gives the version. */
export function activateVersion(folder: string, version: string): Result<string> {
  const model = modelOf(folder, version)
  if (!model.ok) return model
  const next = model.value?.version ?? BASE_VERSION
  locked(folder, () => switchTo(folder, model.value, withActivation(readHistory(folder), activeVersion(folder), next)))
  return { ok: true, value: next }
}

/** Goes back to the version that was active before; versions that are gone or damaged are passed over, at the end stands the base model. */
export function rollBack(folder: string): Result<{ from: string; to: string; passedOver: string[] }> {
  return locked(folder, () => {
    const from = activeVersion(folder)
    const passedOver: string[] = []
    for (const { version, history } of stepsBack(readHistory(folder), from)) {
      const model = modelOf(folder, version)
      if (model.ok) {
        switchTo(folder, model.value, history)
        return { ok: true, value: { from, to: version, passedOver } }
      }
      passedOver.push(model.problem)
    }
    return { ok: false, problem: 'the base model is active, and none was before it' }
  })
}

/** Gives the version that scores; that of the history's end where the active file is damaged. */
export function activeVersion(folder: string): string {
  if (lstatSync(join(folder, ACTIVE), { throwIfNoEntry: false }) === undefined) return BASE_VERSION
  const model = readTrained(join(folder, ACTIVE))
  if (!model.ok) return readHistory(folder).at(-1) ?? 'unknown'
  return isBase(model.value.version) ? BASE_VERSION : model.value.version
}

/** Gives the versions that were active, oldest first. */
export function readHistory(folder: string): History {
  const path = join(folder, HISTORY)
  const file = lstatSync(path, { throwIfNoEntry: false })
  return file?.isFile() && file.size <= MOST_HISTORY_BYTES ? parseHistory(readFileSync(path, 'utf8')) : []
}

/** Gives the model of a version; undefined for the base model, which no file of the folder holds. */
function modelOf(folder: string, version: string): Result<TrainedModel | undefined> {
  if (version === BASE_VERSION || isBase(version)) return { ok: true, value: undefined }
  if (!isVersion(version)) return { ok: false, problem: 'no version of a model has such a name' }
  const path = join(folder, `${version}.json`)
  const model = readTrained(path)
  if (model.ok && model.value.version !== version) return { ok: false, problem: `${path} holds version ${model.value.version}` }
  return model
}

function isBase(version: string): boolean {
  return version === baseVersion()
}

/** The history is written first, for what it lacked would be lost; what never became active must not be a way back. */
function switchTo(folder: string, model: TrainedModel | undefined, history: History): void {
  const path = join(folder, ACTIVE)
  const before = readHistory(folder)
  writeWhole(join(folder, HISTORY), historyToText(history))
  try {
    if (model === undefined) removeWhole(path)
    else writeWhole(path, modelToText(model))
  } catch (error) {
    writeWhole(join(folder, HISTORY), historyToText(before))
    throw error
  }
}

function locked<T>(folder: string, work: () => T): T {
  mkdirSync(folder, { recursive: true, mode: 0o750 })
  return withLock(join(folder, LOCK), work)
}
