// Measures the detector on labelled data: npm run evaluate -- [FOLDER] [--seeds 5] [--only csic]
// FOLDER (or MODWARDEN_DATASETS, or ../shared/datasets beside the project) holds train/ and dev/ with csic.jsonl.gz, wcph/*.jsonl.gz and wcpx.jsonl.gz.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Model } from '../../src/core/model/model.ts'
import { loadBaseModel } from '../../src/edge/model-file.ts'
import { type Measured, measure } from './measure.ts'
import { type DataSet, dataSets } from './sets.ts'
import { printResults } from './table.ts'
import { trainOn } from './train.ts'

const BESIDE = fileURLToPath(new URL('../../../shared/datasets', import.meta.url))

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seeds: { type: 'string', default: '5' }, only: { type: 'string' } },
})
const folder = resolve(positionals[0] ?? process.env.MODWARDEN_DATASETS ?? BESIDE)
const seeds = Number(values.seeds)
if (!Number.isInteger(seeds) || seeds < 1) throw new Error(`--seeds: must be a whole number from 1 on, got '${values.seeds}'`)
const sets = existsSync(folder) ? dataSets(folder).filter(({ name }) => values.only === undefined || name.includes(values.only)) : []
if (sets.length === 0) console.log(`SKIPPED: no data sets in ${folder}; name their folder, or set MODWARDEN_DATASETS`)
else {
  const results = new Map<DataSet, Measured[]>()
  for (const set of sets) results.set(set, await measureSet(set))
  printResults(results)
}

/** Measures one model a seed; the base model is one, whatever the seeds. */
async function measureSet(set: DataSet): Promise<Measured[]> {
  const found: Measured[] = []
  for (let seed = 1; seed <= (set.train.length === 0 ? 1 : seeds); seed++) {
    const startedAt = performance.now()
    const model = set.train.length === 0 ? shippedModel() : await trainOn(set.train, seed)
    const trainedAt = performance.now()
    found.push(await measure(model, set.dev, set.isForEvasion))
    const seconds = [trainedAt - startedAt, performance.now() - trainedAt].map(millis => (millis / 1000).toFixed(1))
    console.error(`${set.name}, seed ${seed}: trained in ${seconds[0]} s, measured in ${seconds[1]} s`)
  }
  return found
}

function shippedModel(): Model {
  const base = loadBaseModel()
  if (!base.ok) throw new Error(base.problem)
  return base.value
}
