import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { createModel, type Model } from '../../core/model/model.ts'
import type { Result } from '../../core/types.ts'
import type { Log } from '../log.ts'
import { ACTIVE, type ModelParts, openModel } from '../model-file.ts'
import { stampOf } from './stamp.ts'

const WORKER = new URL(`./load-model-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

/** Keeps the model of a folder at hand like openModel, but reads a newly activated one beside the requests: none waits for it. */
export function openModelInBackground(folder: string, log: Log): { current(): Model; refresh(): Promise<void> } {
  const path = join(folder, ACTIVE)
  let seen = stampOf(path)
  let model = openModel(folder, log).current()
  return {
    current: () => model,
    async refresh() {
      const now = stampOf(path)
      if (now === seen) return
      seen = now
      const next = await loadInThread(folder)
      if (!next.ok) return log.error('model.refused', { problem: next.problem, kept: model.version })
      model = createModel(next.value.base, next.value.local)
      log.info('model.activated', { model: model.version })
    },
  }
}

function loadInThread(folder: string): Promise<Result<ModelParts>> {
  return new Promise(resolve => {
    const worker = new Worker(WORKER, { workerData: { folder } })
    worker.once('message', (result: Result<ModelParts>) => resolve(result))
    worker.once('messageerror', error => resolve({ ok: false, problem: error.message }))
    worker.once('error', error => resolve({ ok: false, problem: `cannot load the model: ${(error as Error).message}` }))
    worker.once('exit', code => resolve({ ok: false, problem: `cannot load the model: its thread ended with ${code}` }))
  })
}
