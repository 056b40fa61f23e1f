// Trains the base model that ships with the program: node scripts/train-base-model.ts FOLDER, where FOLDER holds train/wcpx.jsonl.gz (clean browser requests to
// many sites, of the open-appsec WAF comparison project, Apache-2.0) and in dev/ labelled attacks: wcp_raw_malicious (of the same project), httpparams and
// gotestwaf (MIT), crs_regression (Apache-2.0). The model holds numbers only. OUT names another file to write; WITHOUT leaves sets of attacks out, to see
// how attacks of unknown origin are found.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { modelToText } from '../src/core/model/model-text.ts'
import { openTrainingSource } from '../src/edge/training/source.ts'
import { type Attack, attacksOf } from './base-model/attacks.ts'
import { trainBase } from './base-model/train.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('usage: node scripts/train-base-model.ts FOLDER')
const left = process.env.WITHOUT?.split(',') ?? []
const sets = ['wcp_raw_malicious', 'httpparams', 'gotestwaf', 'crs_regression'].filter(name => !left.includes(name))
const requests = []
for await (const item of openTrainingSource([join(folder, 'train/wcpx.jsonl.gz')]).read())
  if (item.ok && item.label !== 1) requests.push(item.request)
const attacks = new Map<string, Attack>()
for await (const item of openTrainingSource(sets.map(name => join(folder, `dev/${name}.jsonl.gz`))).read())
  if (item.ok && item.label === 1) for (const attack of attacksOf(item.request, item.attack ?? '')) attacks.set(attack.text, attack)
const text = modelToText(trainBase(requests, [...attacks.values()], 1))
writeFileSync(process.env.OUT ?? new URL('../models/base.json', import.meta.url), text)
console.log(`${requests.length} requests, ${attacks.size} attacks, ${text.length} bytes`)
