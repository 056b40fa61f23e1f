import type { Command } from 'commander'
import { measure } from '../core/model/features.ts'
import { trainOnRows } from '../core/model/model.ts'
import { saveModel } from '../edge/model-file.ts'
import { activateModel } from '../edge/model-folder.ts'
import { pruneModels } from '../edge/model-list.ts'
import { UsageError } from './context.ts'
import { readRequests } from './requests.ts'

type Options = { from: string[]; activate?: true; seed: string; modelDir?: string }
type Defaults = { modelDir: () => string }

export function registerTrain(program: Command, defaults: Defaults): void {
  program
    .command('train')
    .description('clean requests to a new model version')
    .requiredOption('--from <file...>', 'requests, one JSON object a line, .gz too; what carries "label": 1 is left out')
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
  const { rows, attacks, broken } = await gather(options.from)
  const trainedAt = Date.now()
  const version = new Date(trainedAt).toISOString().replace(/[:.]/g, '-')
  const model = trainOnRows(rows, { seed, version, trainedAt })
  if (broken > 0) process.stderr.write(`left out ${broken} lines that are no requests\n`)
  if (attacks > 0) process.stderr.write(`left out ${attacks} requests that are labelled as attacks\n`)
  if (!model.ok) throw new Error(model.problem)
  const path = saveModel(folder, model.value)
  if (options.activate) activateModel(folder, model.value)
  const removed = pruneModels(folder, Date.now())
  if (removed.length > 0) process.stderr.write(`removed ${removed.length} old versions that do not score\n`)
  process.stdout.write(`${path}: trained on ${rows.length} requests${options.activate ? ', active now' : '; --activate lets it score'}\n`)
}

async function gather(files: readonly string[]): Promise<{ rows: Float64Array[]; attacks: number; broken: number }> {
  const rows: Float64Array[] = []
  let attacks = 0
  let broken = 0
  for await (const line of readRequests(files)) {
    if (!line.ok) broken++
    else if (line.label === 1) attacks++
    else rows.push(measure(line.request))
    if (process.stderr.isTTY && rows.length % 1000 === 0) process.stderr.write(`\r${rows.length} requests`)
  }
  if (process.stderr.isTTY) process.stderr.write('\r')
  return { rows, attacks, broken }
}
