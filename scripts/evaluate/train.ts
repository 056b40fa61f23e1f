import { createModel, type Model } from '../../src/core/model/model.ts'
import { BASE_PATH, readTrained } from '../../src/edge/model-file.ts'
import { openTrainingSource } from '../../src/edge/training/source.ts'
import { trainFrom } from '../../src/edge/training/train-from.ts'

/** Trains a model on the benign requests of some files, as `modwarden train` does: the one place that knows how. */
export async function trainOn(paths: readonly string[], seed: number): Promise<Model> {
  const source = openTrainingSource(paths)
  try {
    const base = readTrained(BASE_PATH)
    if (!base.ok) throw new Error(base.problem)
    const training = await trainFrom({
      read: () => source.read(),
      base: base.value.detector,
      seed,
      version: `evaluate-${seed}`,
      trainedAt: 0,
    })
    if (!training.ok) throw new Error(training.problem)
    return createModel(base.value, training.value.model)
  } finally {
    source.close()
  }
}
