import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TrainedModel } from '../core/model/trained.ts'
import { BASE_VERSION, isVersion, stepsBack } from '../core/model-history.ts'
import { readAt } from './follow/fingerprint.ts'
import { ACTIVE, BASE_PATH, baseVersion, readTrained } from './model-file.ts'
import { activeVersion, readHistory } from './model-folder.ts'
import { UNFINISHED } from './write-whole.ts'

/** A model of a folder, or what stands in the place of one. */
export type ListedModel = {
  version: string
  path: string
  bytes: number
  isActive: boolean
  /** A rollback leads here. */
  isPrevious: boolean
  model: TrainedModel | undefined
  problem: string | undefined
}

const SUFFIX = '.json'
const MOST_LISTED = 1000
/** So many versions that are not active are kept, and so many of those that were active last are among them in any case. */
export const KEPT = 10
const KEPT_STEPS = 3
const UNFINISHED_FOR = 60 * 60 * 1000
const OURS = '{"modwarden_model":'

/** Lists the models of a folder, newest first, then the base model; one after the other, so that one at a time is in memory. Whatever else is called
 *  *.json comes with its problem. */
export function* listModels(folder: string): Generator<ListedModel> {
  const active = activeVersion(folder)
  const previous = stepsBack(readHistory(folder), active)[0]?.version
  const files = versionFiles(folder)
  const path = join(folder, ACTIVE)
  const copy = active === BASE_VERSION ? undefined : read(path, undefined)
  // A copy that is damaged does not score, however sound the version is that it was made from.
  const isSound = copy?.problem === undefined
  const mark = (version: string) => ({ isActive: isSound && version === active, isPrevious: version === previous })
  if (copy !== undefined && !(isSound && files.some(({ version }) => version === active))) {
    const problem = copy.problem && `${ACTIVE} ${copy.problem}; activate a version or roll back`
    yield { version: active, path, bytes: sizeOf(path), isActive: true, isPrevious: false, model: copy.model, problem }
  }
  for (const { version, path, bytes } of files.slice(0, MOST_LISTED))
    yield { version, path, bytes, ...mark(version), ...read(path, version) }
  const version = baseVersion() ?? BASE_VERSION
  yield { version, path: BASE_PATH, bytes: sizeOf(BASE_PATH), ...mark(BASE_VERSION), ...read(BASE_PATH, undefined) }
}

/** Removes the oldest versions beyond KEPT that are not active, and what an interrupted write left; gives the removed paths. Only files that begin as a
 *  model does are removed. */
export function pruneModels(folder: string, now: number): string[] {
  const active = activeVersion(folder)
  const steps = stepsBack(readHistory(folder), active)
    .slice(0, KEPT_STEPS)
    .map(({ version }) => version)
  const others = versionFiles(folder).filter(({ version, path }) => version !== active && isOurs(path))
  const wanted = others.filter(({ version }) => steps.includes(version))
  const rest = others.filter(({ version }) => !steps.includes(version))
  const removed = rest.slice(Math.max(0, KEPT - wanted.length)).map(({ path }) => path)
  const unfinished = names(folder)
    .filter(name => UNFINISHED.test(name))
    .map(name => join(folder, name))
    .filter(path => now - (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now) > UNFINISHED_FOR)
  for (const path of [...removed, ...unfinished]) rmSync(path, { force: true })
  return removed
}

/** The files of a folder that are called like versions, newest first. */
function versionFiles(folder: string): { version: string; path: string; bytes: number; changedAt: number }[] {
  return names(folder)
    .filter(name => name.endsWith(SUFFIX) && name !== ACTIVE && !name.startsWith('.'))
    .flatMap(name => {
      const path = join(folder, name)
      const file = lstatSync(path, { throwIfNoEntry: false })
      const version = name.slice(0, -SUFFIX.length)
      return file === undefined ? [] : [{ version, path, bytes: file.size, changedAt: file.mtimeMs }]
    })
    .sort((a, b) => b.changedAt - a.changedAt || (a.version < b.version ? 1 : -1))
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new Error(`cannot read the folder of models: ${(error as Error).message}`, { cause: error })
  }
}

function read(path: string, version: string | undefined): Pick<ListedModel, 'model' | 'problem'> {
  if (version !== undefined && !isVersion(version)) return { model: undefined, problem: 'no version of a model has such a name' }
  const model = readTrained(path)
  if (!model.ok) return { model: undefined, problem: model.problem.replace(`${path} `, '') }
  if (version === undefined || model.value.version === version) return { model: model.value, problem: undefined }
  return { model: undefined, problem: `holds version ${model.value.version}` }
}

function isOurs(path: string): boolean {
  let fd: number | undefined
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
    return fstatSync(fd).isFile() && readAt(fd, 0, OURS.length).toString('latin1') === OURS
  } catch {
    return false
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

function sizeOf(path: string): number {
  return lstatSync(path, { throwIfNoEntry: false })?.size ?? 0
}
