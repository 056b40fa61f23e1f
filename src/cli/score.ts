import { once } from 'node:events'
import type { Command } from 'commander'
import type { Model } from '../core/model/model.ts'
import { scoreOutput } from '../core/scoring/score-output.ts'
import type { Result } from '../core/types.ts'
import { loadModel, readModel } from '../edge/model-file.ts'
import { type RequestLine, readRequests } from './requests.ts'

type Options = { model?: string; modelDir?: string }
type Defaults = { modelDir: () => string }

export function registerScore(program: Command, defaults: Defaults): void {
  program
    .command('score')
    .argument('[file]', 'requests, one JSON object a line, .gz too (default: stdin)')
    .description('requests to scores, one JSON object a line, in the same order')
    .option('--model <file>', 'score with this model file')
    .option('--model-dir <dir>', 'score with the active model of this folder')
    .addHelpText('after', '\nExample:\n  echo \'{"uri":"/test","headers":{}}\' | modwarden score')
    .action((file: string | undefined, options: Options) => score(file, options, defaults))
}

async function score(file: string | undefined, options: Options, defaults: Defaults): Promise<void> {
  const model = chooseModel(options, defaults)
  for await (const line of readRequests(file === undefined ? [] : [file])) {
    if (!line.ok) process.exitCode = 1
    if (!process.stdout.write(`${JSON.stringify(answer(line, model))}\n`)) await once(process.stdout, 'drain')
  }
}

function answer(line: RequestLine, model: Model) {
  return line.ok ? scoreOutput(model, line.request) : { error: `line ${line.line} ${line.problem}`, line: line.line }
}

/** Loads the model that the options name, the active one of the folder where they name none. */
export function chooseModel({ model: file, modelDir }: Options, defaults: Defaults): Model {
  const model: Result<Model> = file === undefined ? loadModel(modelDir ?? defaults.modelDir()) : readModel(file)
  if (!model.ok) throw new Error(model.problem)
  return model.value
}
