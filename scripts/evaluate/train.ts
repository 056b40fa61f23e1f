import { type Model, trainModel } from '../../src/core/model/model.ts'
import type { HttpRequest } from '../../src/core/types.ts'
import { openTrainingSource } from '../../src/edge/training/source.ts'

/** Trains a model on the benign requests of some files, as `modwarden train` does: the one place that knows how. */
export async function trainOn(paths: readonly string[], seed: number): Promise<Model> {
  const source = openTrainingSource(paths)
  try {
    const requests: HttpRequest[] = []
    for await (const item of source.read()) if (item.ok && item.label !== 1 && !item.isSuspect) requests.push(item.request)
    const model = trainModel(requests, { seed, version: `evaluate-${seed}`, trainedAt: 0 })
    if (!model.ok) throw new Error(model.problem)
    return model.value
  } finally {
    source.close()
  }
}
