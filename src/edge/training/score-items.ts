import { createSample, type Sample, type ScoredRequest } from '../../core/evaluation/sample.ts'
import type { TrainingItem } from '../../core/training/item.ts'
import type { Tally } from '../../core/training/tally.ts'
import type { HttpRequest } from '../../core/types.ts'

/** Scores of the labelled requests of some data; what has no label or is no request is only counted. */
export type ScoredItems = { sample: Sample; unlabelled: number; broken: number }

/** Scores labelled requests one after the other; problems go to the tally. */
export async function scoreItems(
  items: AsyncIterable<TrainingItem>,
  { score, tally }: { score: (request: HttpRequest) => ScoredRequest; tally: Tally },
): Promise<ScoredItems> {
  const sample = createSample()
  let unlabelled = 0
  let broken = 0
  for await (const item of items) {
    if (!item.ok) {
      broken += 1
      tally.add(item)
    } else if (item.label === undefined) unlabelled += 1
    else sample.add(score(item.request), { ...item, label: item.label })
  }
  return { sample, unlabelled, broken }
}
