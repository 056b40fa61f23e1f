import { type Command, Option } from 'commander'
import type { Model } from '../core/model/model.ts'
import { BASE_VERSION } from '../core/model-history.ts'
import { activateVersion, rollBack } from '../edge/model-folder.ts'
import { KEPT, type ListedModel, listModels } from '../edge/model-list.ts'
import { UsageError } from './context.ts'
import { iso, printJson, printTable, relative } from './output.ts'

type Options = { modelDir?: string; json?: true }
type Defaults = { modelDir: () => string }

const TAKEN_UP = 'a running daemon takes it up within a minute'

/** Adds the command `models`: the versions on disk, which of them scores, and the way back. */
export function registerModels(program: Command, defaults: Defaults): void {
  program
    .command('models')
    .description(
      `the trained models: list them, let another one score, go back to the one before (the newest ${KEPT} that do not score are kept)`,
    )
    .argument('[action]', 'list, activate or rollback', 'list')
    .argument('[version]', "the version to activate, 'base' for the one that ships with the program")
    .addOption(new Option('--model-dir <dir>', 'the folder of the models (default: the setting model_dir)'))
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      '\nExamples:\n  modwarden models\n  modwarden models activate 2026-11-25T04-00-00-000Z\n  modwarden models rollback',
    )
    .action((action: string, version: string | undefined, options: Options) => run(action, version, options, defaults))
}

function run(action: string, version: string | undefined, options: Options, defaults: Defaults): void {
  const wantsVersion = action === 'activate'
  if (!['list', 'activate', 'rollback'].includes(action))
    throw new UsageError(`models: must be list, activate or rollback, got '${action}'`)
  if (wantsVersion && version === undefined) throw new UsageError('models activate: name the version; modwarden models lists them')
  if (!wantsVersion && version !== undefined) throw new UsageError(`models ${action}: takes no version, got '${version}'`)
  const folder = options.modelDir ?? defaults.modelDir()
  if (action === 'list') list(folder, options)
  else if (action === 'activate') activate(folder, version!, options)
  else goBack(folder, options)
}

function list(folder: string, { json }: Options): void {
  const models = listModels(folder)
  if (json) {
    for (const model of models) printJson([toJson(model)])
    return
  }
  const rows = Array.from(models, toRow)
  printTable(['version', 'state', 'trained', 'requests', 'size', 'note'], rows, 'no model')
}

function activate(folder: string, version: string, { json }: Options): void {
  const activated = activateVersion(folder, version)
  if (!activated.ok) throw new Error(`cannot activate '${version}': ${activated.problem}`)
  if (json) printJson([{ version: activated.value, active: true }])
  else process.stdout.write(`${named(activated.value)} is active; ${TAKEN_UP}\n`)
}

function goBack(folder: string, { json }: Options): void {
  const back = rollBack(folder)
  if (!back.ok) throw new Error(back.problem)
  const { from, to, passedOver } = back.value
  for (const problem of passedOver) process.stderr.write(`passed over: ${problem}\n`)
  if (json) printJson([{ version: to, active: true, rolled_back_from: from }])
  else process.stdout.write(`${named(to)} is active again, ${named(from)} no longer; ${TAKEN_UP}\n`)
}

function toJson({ version, path, bytes, isActive, isPrevious, model, problem }: ListedModel) {
  return {
    version,
    active: isActive,
    previous: isPrevious,
    state: problem === undefined ? 'ok' : 'damaged',
    problem: problem ?? null,
    trained_at: model === undefined || model.trainedAt === 0 ? null : iso(model.trainedAt),
    trained_on: model?.trainedOn ?? null,
    size: bytes,
    note: noteOf(model),
    path,
  }
}

function toRow({ version, bytes, isActive, isPrevious, model, problem }: ListedModel): string[] {
  const states = [isActive ? 'active' : isPrevious ? 'previous' : '', problem === undefined ? '' : 'damaged'].filter(word => word !== '')
  return [
    version,
    states.join(', ') || 'ok',
    model === undefined ? '-' : model.trainedAt === 0 ? 'with the program' : relative(model.trainedAt, Date.now()),
    model?.trainedOn.toLocaleString('en-US') ?? '-',
    `${(bytes / 1e6).toFixed(1)} MB`,
    problem ?? noteOf(model) ?? '',
  ]
}

/** Gives what training said about the model, such as why it was kept but not activated. */
function noteOf(model: Model | undefined): string | null {
  const { summary } = (model ?? {}) as { summary?: { [name: string]: unknown } }
  return typeof summary?.verdict === 'string' ? summary.verdict : null
}

function named(version: string): string {
  return version === BASE_VERSION ? 'the base model' : version
}
