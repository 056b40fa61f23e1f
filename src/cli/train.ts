import type { Command } from 'commander'
import { measure } from '../core/model/features.ts'
import { trainOnRows } from '../core/model/model.ts'
import { createTally, type Tally } from '../core/training/tally.ts'
import { saveModel } from '../edge/model-file.ts'
import { activateModel } from '../edge/model-folder.ts'
import { pruneModels } from '../edge/model-list.ts'
import { watchSource } from '../edge/training/progress.ts'
import { openTrainingSource } from '../edge/training/source.ts'
import { UsageError } from './context.ts'

type Options = { from: string[]; storage?: string; activate?: true; seed: string; modelDir?: string }
type Defaults = { modelDir: () => string }

export function registerTrain(program: Command, defaults: Defaults): void {
  program
    .command('train')
    .description('clean requests to a new model version; what is labelled as an attack, or was objected to by the WAF, is left out')
    .requiredOption('--from <file...>', 'requests as JSON lines, audit logs or access logs, .gz and .zst too')
    .option('--storage <dir>', 'where the files of a concurrent audit log lie (default: the folder of its index)')
    .option('--activate', 'let it score from now on; a running daemon picks it up')
    .option('--seed <number>', 'the same seed and requests give the same model', '1')
    .option('--model-dir <dir>', 'keep it in this folder')
    .addHelpText('after', '\nExample:\n  modwarden train --from clean.jsonl.gz --activate')
    .action((options: Options) => train(options, defaults))
}

async function train(options: Options, defaults: Defaults): Promise<void> {
  const seed = Number(options.seed)
  if (!Number.isSafeInteger(seed) || seed < 0 || seed > 0xffff_ffff)
    throw new UsageError(`--seed: must be a whole number from 0 to 4294967295, got '${options.seed}'`)
  const folder = options.modelDir ?? defaults.modelDir()
  const { rows, attacks, suspects, tally } = await gather(options)
  const trainedAt = Date.now()
  const version = new Date(trainedAt).toISOString().replace(/[:.]/g, '-')
  const model = trainOnRows(rows, { seed, version, trainedAt })
  for (const line of tally.lines()) process.stderr.write(`${line}\n`)
  if (attacks > 0) process.stderr.write(`left out ${attacks}: requests that are labelled as attacks\n`)
  if (suspects > 0) process.stderr.write(`left out ${suspects}: requests to which the WAF or the server objected\n`)
  if (!model.ok) throw new Error(model.problem)
  const path = saveModel(folder, model.value)
  if (options.activate) activateModel(folder, model.value)
  const removed = pruneModels(folder, Date.now())
  if (removed.length > 0) process.stderr.write(`removed ${removed.length} old versions that do not score\n`)
  process.stdout.write(`${path}: trained on ${rows.length} requests${options.activate ? ', active now' : '; --activate lets it score'}\n`)
}

/** Reads what is clean: neither labelled as an attack nor suspect. */
async function gather({ from, storage }: Options): Promise<{ rows: Float64Array[]; attacks: number; suspects: number; tally: Tally }> {
  const source = openTrainingSource(from, { storage })
  const tally = createTally()
  const rows: Float64Array[] = []
  let attacks = 0
  let suspects = 0
  try {
    for await (const item of watchSource(source, { label: 'reading' })) {
      if (!item.ok) tally.add(item)
      else if (item.label === 1) attacks++
      else if (item.isSuspect) suspects++
      else rows.push(measure(item.request))
    }
  } finally {
    source.close()
  }
  return { rows, attacks, suspects, tally }
}
