// Trains the base model that ships with the program: node scripts/train-base-model.ts REQUESTS.jsonl.gz…
// models/base.json was made from browser requests to many sites of the open-appsec WAF comparison project (Apache-2.0); it holds numbers only.
import { mkdirSync, writeFileSync } from 'node:fs'
import { readRequests } from '../src/cli/requests.ts'
import { trainModel } from '../src/core/model/model.ts'
import { modelToText } from '../src/core/model/model-text.ts'

const requests = []
for await (const item of readRequests(process.argv.slice(2))) if (item.ok && item.label !== 1) requests.push(item.request)
const model = trainModel(requests, { seed: 1, version: 'base-1', trainedAt: 0 })
if (!model.ok) throw new Error(model.problem)
mkdirSync(new URL('../models/', import.meta.url), { recursive: true })
writeFileSync(new URL('../models/base.json', import.meta.url), modelToText(model.value))
console.log(`models/base.json: ${requests.length} requests, ${model.value.forest.features.length} nodes`)
