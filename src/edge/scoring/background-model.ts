import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { createModel, type Model, withLocal } from '../../core/model/model.ts'
import type { TrainedModel } from '../../core/model/trained.ts'
import type { Result } from '../../core/types.ts'
import type { Log } from '../log.ts'
import { ACTIVE, baseVersion, isBase, loadBaseModel, openModel } from '../model-file.ts'
import { stampOf } from './stamp.ts'

const WORKER = new URL(`./load-model-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

/** Keeps the model of a folder at hand like openModel, but reads a newly activated one beside the requests: none waits for it. The base model behind it
 *  is read once: each copy costs tens of MB that malloc does not give back. */
export function openModelInBackground(folder: string, log: Log): { current(): Model; refresh(): Promise<void> } {
  const path = join(folder, ACTIVE)
  let seen = stampOf(path)
  let model = openModel(folder, log).current()
  const shipped = baseVersion()
  return {
    current: () => model,
    async refresh() {
      const now = stampOf(path)
      if (now === seen) return
      seen = now
      const trained = await loadInThread(folder)
      const next = trained.ok ? joined(trained.value) : trained
      if (!next.ok) return log.error('model.refused', { problem: next.problem, kept: model.version })
      model = next.value
      log.info('model.activated', { model: model.version })
    },
  }

  function joined(trained: TrainedModel): Result<Model> {
    if (isBase(trained)) return { ok: true, value: createModel(trained) }
    // Somebody may have made a base model of his own the active one; behind a local one stands that of the program.
    const behind: Result<Model> = model.base.version === shipped ? { ok: true, value: model } : loadBaseModel()
    return behind.ok ? { ok: true, value: withLocal(behind.value, trained) } : behind
  }
}

function loadInThread(folder: string): Promise<Result<TrainedModel>> {
  return new Promise(resolve => {
    const worker = new Worker(WORKER, { workerData: { folder } })
    worker.once('message', (result: Result<TrainedModel>) => resolve(result))
    worker.once('messageerror', error => resolve({ ok: false, problem: error.message }))
    worker.once('error', error => resolve({ ok: false, problem: `cannot load the model: ${(error as Error).message}` }))
    worker.once('exit', code => resolve({ ok: false, problem: `cannot load the model: its thread ended with ${code}` }))
  })
}
