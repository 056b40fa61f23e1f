import { createTrainer, type Naming, type Training, type TrainOptions } from '../../core/model/train/trainer.ts'
import type { TrainingItem } from '../../core/training/item.ts'
import type { Result } from '../../core/types.ts'

/** `read` is called twice, for the first and the second reading, and must give the same items each time. */
export type TrainFrom = TrainOptions & Naming & { read: (reading: 1 | 2) => AsyncIterable<TrainingItem> }

/** Trains a model on the clean requests of training data: what is labelled as an attack is passed over, what the WAF objected to tells whom not to trust. */
export async function trainFrom({ read, ...options }: TrainFrom): Promise<Result<Training>> {
  const trainer = createTrainer(options)
  for await (const item of read(1)) if (item.ok && item.label !== 1) trainer.survey(item.request, item)
  for await (const item of read(2)) if (item.ok && item.label !== 1) trainer.take(item.request, item)
  return trainer.finish(options)
}
