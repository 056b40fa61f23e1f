import type { Command } from 'commander'
import { createLocalOffset } from '../core/entry/time.ts'
import type { Model } from '../core/model/model.ts'
import type { Settings } from '../core/settings.ts'
import type { Result } from '../core/types.ts'
import { readLogFiles } from '../edge/log-files.ts'
import { createMemoryKeeper } from '../edge/memory.ts'
import { loadModel, readModel } from '../edge/model-file.ts'
import { parseAssignment, type SettingsValues } from '../edge/settings-file.ts'
import { createReplay } from '../replay.ts'
import { type Context, UsageError } from './context.ts'
import { printJson } from './output.ts'
import { replayJson, replayText } from './replay-text.ts'

export type ReplayOptions = {
  set?: string[]
  model?: string
  modelDir?: string
  compareSet?: string[]
  compareModel?: string
  storage?: string
  json?: true
}

export function registerReplay(program: Command, context: Context): void {
  program
    .command('replay')
    .argument('<file...>', 'audit logs or indexes of concurrent ones; rotated and packed ones (.gz, .zst) too, in any order')
    .description('the whole pipeline over old logs, without a firewall or a daemon: who would be blocked, when and why')
    .option('--set <key=value...>', 'with another setting')
    .option('--model <file>', 'with this model file')
    .option('--model-dir <dir>', 'with the active model of this folder')
    .option('--compare-set <key=value...>', 'and beside it once more with another setting: who would be new, who gone')
    .option('--compare-model <file>', 'and beside it once more with another model')
    .option('--storage <dir>', 'where the files of a concurrent log lie (default: the setting storage_dir, or the folder of the index)')
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  modwarden replay /var/log/modsecurity/audit.log* --compare-set block_score=7.5')
    .action((files: string[], options: ReplayOptions) => replay(context, files, options))
}

async function replay(context: Context, files: readonly string[], options: ReplayOptions): Promise<void> {
  const changes = valuesOf('--set', options.set)
  const settings = context.settings(changes)
  const model = chooseModel(options.model, options.modelDir ?? settings.modelDir)
  const first = createReplay(settings, model)
  const other = compared(context, changes, model, options)
  const replays = other === undefined ? [first] : [first, other]
  const storageDir = options.storage ?? settings.storageDir
  const started = performance.now()
  const tell = createProgress()
  const memory = createMemoryKeeper()
  for await (const batch of readLogFiles(files, { storageDir, context: { localOffsetMinutes: createLocalOffset() } })) {
    for (const each of replays) each.handle(batch)
    memory.handled(batch.items.reduce((sum, item) => sum + item.length, 0))
    tell(batch.items.length)
  }
  tell(0)
  const seconds = (performance.now() - started) / 1000
  const found = { files, seconds, result: first.result(), compared: other?.result(), options }
  for (const each of replays) each.close()
  if (options.json) printJson([replayJson(found)])
  else process.stdout.write(replayText(found))
}

function compared(context: Context, changes: readonly SettingsValues[], model: Model, { compareSet, compareModel }: ReplayOptions) {
  if (compareSet === undefined && compareModel === undefined) return undefined
  const settings: Settings = context.settings([...changes, ...valuesOf('--compare-set', compareSet)])
  return createReplay(settings, compareModel === undefined ? model : orThrow(readModel(compareModel)))
}

function chooseModel(file: string | undefined, folder: string): Model {
  return orThrow(file === undefined ? loadModel(folder) : readModel(file))
}

function orThrow(model: Result<Model>): Model {
  if (!model.ok) throw new Error(model.problem)
  return model.value
}

function valuesOf(option: string, assignments: readonly string[] = []): SettingsValues[] {
  return assignments.map(text => {
    const values = parseAssignment(text)
    if (values === undefined) throw new UsageError(`${option}: must be KEY=VALUE such as block_score=7.5, got '${text}'`)
    return { name: option, values }
  })
}

/** Tells how far it is on a terminal; called with 0 at the end. */
function createProgress(): (entries: number) => void {
  let [total, told] = [0, 0]
  return entries => {
    if (!process.stderr.isTTY) return
    total += entries
    if (entries === 0) process.stderr.write('\r\x1b[K')
    else if (total - told >= 5000) {
      told = total
      process.stderr.write(`\r${total} entries`)
    }
  }
}
