import { countAbove, sortScores, thresholdAt } from '../../src/core/evaluation/curve.ts'
import { evaluate, evaluateGroup } from '../../src/core/evaluation/evaluation.ts'
import { createSample, type Sample } from '../../src/core/evaluation/sample.ts'
import { type Model, scoreRequest } from '../../src/core/model/model.ts'
import type { HttpRequest } from '../../src/core/types.ts'
import { openTrainingSource } from '../../src/edge/training/source.ts'
import { type Appended, appendedOf, EVASIONS } from './evasion.ts'

/** What one model reached on one data set. `lost`: points of recall at 1 % that each way of hiding costs. */
export type Measured = {
  tpr1: number
  tpr01: number
  auc: number
  over5: number
  over8: number
  cookie1: number | undefined
  cookie01: number | undefined
  lost: Record<string, number>
}

const COOKIE = 'hdr:Cookie'
const MOST_HIDDEN = 500

/** Measures a model on labelled requests; `hides`: also on appended-argument attacks that are hidden. */
export async function measure(model: Model, paths: readonly string[], hides: boolean): Promise<Measured> {
  const sample = createSample()
  const appended: HttpRequest[] = []
  const source = openTrainingSource(paths)
  for await (const item of source.read()) {
    if (!item.ok || item.label === undefined) continue
    sample.add(scoreRequest(model, item.request), { ...item, label: item.label })
    if (hides && item.label === 1 && item.graft === 'append') appended.push(item.request)
  }
  source.close()
  const benign = sample.benign()
  const { tpr_at_fpr, auc, share_over } = evaluate(benign, sample.attack(), sample.capped())
  const cookies = sample.groups('place').find(([name]) => name === COOKIE)?.[1]
  const cookie = cookies === undefined ? undefined : evaluateGroup(benign, cookies).tpr_at_fpr
  return {
    tpr1: tpr_at_fpr['0.01'] ?? 0,
    tpr01: tpr_at_fpr['0.001'] ?? 0,
    auc: auc ?? 0,
    over5: share_over[5].benign ?? 0,
    over8: share_over[8].benign ?? 0,
    cookie1: cookie?.['0.01'] ?? undefined,
    cookie01: cookie?.['0.001'] ?? undefined,
    lost: hides ? losses(model, sample, appended) : {},
  }
}

function losses(model: Model, sample: Sample, appended: readonly HttpRequest[]): Record<string, number> {
  const threshold = thresholdAt(sortScores(sample.benign().raw), 0.01)!
  const attacks = evenly(appended, MOST_HIDDEN).flatMap(request => appendedOf(request) ?? [])
  const recall = (hide: (attack: Appended) => HttpRequest) => {
    const raw = sortScores(Float64Array.from(attacks, attack => scoreRequest(model, hide(attack)).raw))
    return (100 * countAbove(raw, threshold)) / raw.length
  }
  const [plain, ...hidden] = EVASIONS.map(({ name, hide }) => [name, recall(hide)] as const)
  return Object.fromEntries(hidden.map(([name, reached]) => [name, plain![1] - reached]))
}

function evenly<T>(list: readonly T[], count: number): T[] {
  if (list.length <= count) return [...list]
  return Array.from({ length: count }, (_, at) => list[Math.floor((at * list.length) / count)]!)
}
