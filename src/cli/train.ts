import type { Command } from 'commander'
import type { Training } from '../core/model/train/trainer.ts'
import { printable } from '../core/printable.ts'
import type { TrainingItem } from '../core/training/item.ts'
import { createTally, type Tally } from '../core/training/tally.ts'
import { BASE_PATH, readTrained, saveModel } from '../edge/model-file.ts'
import { activateModel } from '../edge/model-folder.ts'
import { pruneModels } from '../edge/model-list.ts'
import { samplesPath } from '../edge/scoring/reservoir-file.ts'
import { ownTrafficFiles, withVerdicts } from '../edge/training/own-traffic.ts'
import { watchSource } from '../edge/training/progress.ts'
import { openTrainingSource, type TrainingSource } from '../edge/training/source.ts'
import { trainFrom } from '../edge/training/train-from.ts'
import { type Context, UsageError, withStore } from './context.ts'

type Options = { from?: string[]; scheduled?: true; storage?: string; site?: string; activate?: true; seed: string; modelDir?: string }

/** So many blocks are remembered for whom not to trust. */
const MOST_BLOCKS = 100_000

export function registerTrain(program: Command, context: Context): void {
  program
    .command('train')
    .description('clean requests to a new model version; what is labelled as an attack, or was objected to by the WAF, is left out')
    .option('--from <file...>', 'requests as JSON lines, audit logs or access logs, .gz and .zst too')
    .option(
      '--scheduled',
      'train on the own traffic: the audit logs of the settings with their rotated files, the samples of the scoring server, and what false-positive marked; and activate',
    )
    .option('--storage <dir>', 'where the files of a concurrent audit log lie (default: the folder of its index)')
    .option('--site <host>', 'the host that requests without one were for, as in the access log of a single site')
    .option('--activate', 'let it score from now on, if it passes its trial; a running daemon picks it up')
    .option('--seed <number>', 'the same seed and requests give the same model', '1')
    .option('--model-dir <dir>', 'keep it in this folder')
    .addHelpText('after', '\nExample:\n  modwarden train --from clean.jsonl.gz --activate')
    .action((options: Options) => train(options, context))
}

async function train(options: Options, context: Context): Promise<void> {
  const seed = Number(options.seed)
  if (!Number.isSafeInteger(seed) || seed < 0 || seed > 0xffff_ffff)
    throw new UsageError(`--seed: must be a whole number from 0 to 4294967295, got '${options.seed}'`)
  if ((options.from === undefined) === (options.scheduled === undefined))
    throw new UsageError('train: name files with --from, or say --scheduled')
  const folder = options.modelDir ?? context.settings().modelDir
  const base = readTrained(BASE_PATH)
  if (!base.ok) throw new Error(base.problem)
  const verdicts = options.scheduled && verdictsOf(context)
  const source = openTrainingSource(options.from ?? ownFiles(context), {
    storage: options.storage ?? (options.scheduled && context.settings().storageDir),
  })
  const tally = createTally()
  const trainedAt = Date.now()
  const version = new Date(trainedAt).toISOString().replace(/[:.]/g, '-')
  try {
    const read = (reading: 1 | 2) => {
      const items = readItems(source, { reading, tally, site: options.site })
      return verdicts === undefined ? items : withVerdicts(items, verdicts)
    }
    const training = await trainFrom({ read, base: base.value.detector, seed, version, trainedAt })
    for (const line of tally.lines()) process.stderr.write(`${line}\n`)
    if (!training.ok) return refuse(training.problem, options)
    const problem = finish(training.value, folder, options.activate === true || options.scheduled === true)
    if (problem !== undefined) refuse(problem, options)
  } finally {
    source.close()
  }
}

function ownFiles(context: Context): string[] {
  const { auditLogs, scoreStateDir } = context.settings()
  return ownTrafficFiles(auditLogs, [samplesPath(scoreStateDir)], problem =>
    process.stderr.write(`passed over: ${printable(problem, 600)}\n`),
  )
}

/** What people and the policy have said of the own traffic; all at once, so that both readings see the same. */
function verdictsOf(context: Context) {
  const { ipv6Prefix } = context.settings()
  return withStore(context.reader(), store => ({
    blocked: new Set(store.blocks.history(MOST_BLOCKS).map(({ ip }) => ip)),
    clean: [...store.falsePositives.requests()],
    ipv6Prefix,
  }))
}

type ReadItems = { reading: 1 | 2; tally: Tally; site: string | undefined }

async function* readItems(source: TrainingSource, { reading, tally, site }: ReadItems): AsyncGenerator<TrainingItem> {
  let attacks = 0
  for await (const item of watchSource(source, { label: reading === 1 ? 'looking through' : 'learning' })) {
    if (!item.ok && reading === 1) tally.add(item)
    if (item.ok && item.label === 1) attacks++
    if (item.ok && site !== undefined && !item.request.headers.some(([name]) => name.toLowerCase() === 'host'))
      yield { ...item, request: { ...item.request, site } }
    else yield item
  }
  if (attacks > 0 && reading === 1) process.stderr.write(`left out ${attacks}: requests that are labelled as attacks\n`)
}

/** Keeps the model, tells what was left out of it, and lets it score where that was asked for and its trial allows it; gives
 *  why it does not. */
function finish({ model, verdict, leftOut }: Training, folder: string, activate: boolean): string | undefined {
  const path = saveModel(folder, model)
  for (const line of leftOut) process.stderr.write(`${line}\n`)
  if (activate && verdict.fit) activateModel(folder, model)
  const removed = pruneModels(folder, Date.now())
  if (removed.length > 0) process.stderr.write(`removed ${removed.length} old versions that do not score\n`)
  const requests = model.trainedOn.toLocaleString('en-US')
  const trial =
    verdict.held_out === 0
      ? 'too few to try it on'
      : `trial on the last ${verdict.held_out}: ${verdict.clean_over_5} reach 5, ${verdict.clean_over_8} reach 8; ${verdict.probes_over_5} of ${verdict.probes} attacks reach 5`
  process.stdout.write(`${path}: trained on ${requests} requests of ${model.seenAgain.length} hosts (${trial})`)
  if (!activate) process.stdout.write('; --activate lets it score\n')
  else if (verdict.fit) process.stdout.write(', active now\n')
  else {
    process.stdout.write('\n')
    return `kept but not activated: ${verdict.problem}; 'modwarden models activate ${model.version}' lets it score all the same`
  }
  return undefined
}

/** A person is told by a failure. Once a week a failed unit would say nothing new: the model that scores stays, and the journal says why. */
function refuse(problem: string, { scheduled }: Options): void {
  if (!scheduled) throw new Error(problem)
  process.stdout.write(`the model that scores stays: ${problem}\n`)
}
