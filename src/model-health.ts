import type { Histograms } from './core/health/histogram.ts'
import { type BandShare, compareShares, type Drift, judgeModel, type ModelStatus, measureDrift } from './core/health/judge.ts'
import { type ModelHour, sumTallies, type Tally } from './core/health/tally.ts'
import type { Settings } from './core/settings.ts'
import type { Store } from './edge/store/store.ts'

/** How the model at work did since an hour; `model` is undefined before the first entry. */
export type ModelHealth = {
  model: string | undefined
  status: ModelStatus
  reason: string
  tally: Tally
  drift: Drift
  shares: BandShare[]
  histograms: Histograms
}

/** Judges the model at work by what it made of the hours from `first` on (hours since 1970); what an earlier model did is not held against it. */
export function modelHealth(store: Store, settings: Settings, first: number, hours: readonly ModelHour[]): ModelHealth {
  const model = store.modelCounts.currentModel()
  const tally = sumTallies(hours.filter(hour => hour.model === model))
  const histograms = store.modelCounts.histograms(first, Number.MAX_SAFE_INTEGER, model)
  return {
    model,
    ...judgeModel(tally, settings),
    tally,
    drift: measureDrift(histograms.ordinary, settings, model),
    shares: compareShares(histograms.unflagged),
    histograms,
  }
}
