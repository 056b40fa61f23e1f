import { type Command, Option } from 'commander'
import { evaluate, evaluateGroup } from '../core/evaluation/evaluation.ts'
import { createSample, type Grouping, type Sample } from '../core/evaluation/sample.ts'
import { type Model, scoreRequest } from '../core/model/model.ts'
import { printable } from '../core/printable.ts'
import { createTally, type Tally } from '../core/training/tally.ts'
import { type DataFile, listDataFiles } from '../edge/training/data-files.ts'
import { watchSource } from '../edge/training/progress.ts'
import { type ScoredItems, scoreItems } from '../edge/training/score-items.ts'
import { openTrainingSource } from '../edge/training/source.ts'
import { type EvaluatedRow, printEvaluations } from './evaluation-table.ts'
import { printJson } from './output.ts'
import { chooseModel } from './score.ts'

type Options = { data: string[]; model?: string; modelDir?: string; by?: Grouping[]; json?: true }
type Defaults = { modelDir: () => string }

const GROUPINGS: readonly Grouping[] = ['attack', 'place']

/** Adds the command `evaluate`: labelled requests to figures that say how well a model tells attacks apart. */
export function registerEvaluate(program: Command, defaults: Defaults): void {
  program
    .command('evaluate')
    .description('how well a model tells labelled attacks from labelled benign requests')
    .requiredOption('--data <path...>', 'requests as JSON lines with "label":0|1, packed too, or folders of such files')
    .option('--model <file>', 'measure this model file')
    .option('--model-dir <dir>', 'measure the active model of this folder')
    .addOption(new Option('--by <grouping...>', 'also by kind of attack, by place of the payload, or both').choices(GROUPINGS))
    .option('--json', 'one JSON object a file and subfolder')
    .addHelpText('after', '\nExample:\n  modwarden evaluate --data labelled.jsonl.gz --by attack')
    .action((options: Options) => run(options, defaults))
}

async function run(options: Options, defaults: Defaults): Promise<void> {
  const files = listDataFiles(options.data)
  const model = chooseModel(options, defaults)
  const by = GROUPINGS.filter(grouping => options.by?.includes(grouping))
  const tally = createTally()
  const show = (row: EvaluatedRow) => (options.json ? printJson([toJson(row)]) : undefined)
  const rows = await evaluateAll(files, { model, by, tally, show })
  if (!options.json) printEvaluations(rows, by)
  for (const line of tally.lines()) process.stderr.write(`${line}\n`)
  const unlabelled = rows.reduce((sum, row) => sum + (row.kind === 'file' ? row.unlabelled : 0), 0)
  if (unlabelled > 0) process.stderr.write(`left out ${unlabelled}: requests without a label ("label":0 or 1)\n`)
}

type How = { model: Model; by: readonly Grouping[]; tally: Tally; show: (row: EvaluatedRow) => void }

/** Evaluates file by file, and each subfolder as soon as its last file is done. A file that cannot be read is told, the others go on. */
async function evaluateAll(files: readonly DataFile[], how: How): Promise<EvaluatedRow[]> {
  const rows: EvaluatedRow[] = []
  const open = new Map<string, ScoredItems>()
  const lastOf = new Map(files.flatMap(({ folders }, index) => folders.map(name => [name, index] as const)))
  const add = (data: string, kind: 'file' | 'folder', scored: ScoredItems) => {
    const row = {
      data,
      kind,
      model: how.model.version,
      ...figures(scored.sample, how.by),
      unlabelled: scored.unlabelled,
      broken: scored.broken,
    }
    rows.push(row)
    how.show(row)
  }
  for (const [index, file] of files.entries()) {
    const scored = await scoreFile(file, how)
    if (scored === undefined) process.exitCode = 1
    else add(file.name, 'file', scored)
    for (const name of file.folders.toReversed()) {
      open.set(name, joined(open.get(name), scored))
      if (lastOf.get(name) !== index) continue
      add(name, 'folder', open.get(name)!)
      open.delete(name)
    }
  }
  return rows
}

async function scoreFile({ path, name }: DataFile, { model, tally }: How): Promise<ScoredItems | undefined> {
  try {
    const source = openTrainingSource([path])
    try {
      const { kind } = source.files[0]!
      if (kind !== 'requests' && kind !== 'empty')
        throw new Error(`${path} is an ${kind.replace('-', ' ')}; evaluate needs JSON lines with labels`)
      const items = watchSource(source, { label: printable(name.slice(-30), 40) })
      return await scoreItems(items, { score: request => scoreRequest(model, request), tally })
    } finally {
      source.close()
    }
  } catch (error) {
    process.stderr.write(`modwarden: ${printable((error as Error).message, 600)}\n`)
    return undefined
  }
}

function joined(before: ScoredItems | undefined, scored: ScoredItems | undefined): ScoredItems {
  const into = before ?? { sample: createSample(), unlabelled: 0, broken: 0 }
  if (scored === undefined) return into
  into.sample.addAll(scored.sample)
  return { sample: into.sample, unlabelled: into.unlabelled + scored.unlabelled, broken: into.broken + scored.broken }
}

function figures(sample: Sample, by: readonly Grouping[]) {
  const benign = sample.benign()
  const groups = by.map(grouping => [
    grouping,
    Object.fromEntries(sample.groups(grouping).map(([name, attack]) => [name, evaluateGroup(benign, attack)])),
  ])
  return { ...evaluate(benign, sample.attack(), sample.capped()), groups: Object.fromEntries(groups) as EvaluatedRow['groups'] }
}

/** A row in the shape of the contract; groups stand under `by_attack` and `by_place`. */
function toJson({ groups, ...row }: EvaluatedRow) {
  return { ...row, ...Object.fromEntries(Object.entries(groups).map(([grouping, each]) => [`by_${grouping}`, each])) }
}
