import type { Settings } from './core/settings.ts'
import type { Millis } from './core/types.ts'
import type { Log } from './edge/log.ts'
import { hourOf } from './edge/store/scores.ts'
import type { Store } from './edge/store/store.ts'
import { modelHealth } from './model-health.ts'

const DAY: Millis = 86_400_000

type Parts = { store: Store; settings: () => Settings; log: Log; clock: () => Millis }

/** Makes the watch over the model's health of the last 24 h: it tells when the health changes, and once a day while it is not normal. */
export function createModelWatch({ store, settings, log, clock }: Parts): () => void {
  let told = { found: 'normal', at: Number.NEGATIVE_INFINITY }
  return () => {
    const now = clock()
    const first = hourOf(now - DAY)
    const { model, status, reason, drift } = modelHealth(store, settings(), first, store.modelCounts.hours(first))
    const found = drift.drifted ? `${status}, drifted` : status
    if (found === told.found && (found === 'normal' || now - told.at < DAY)) return
    told = { found, at: now }
    const fields = { model: model ?? null, model_status: status, reason, drifted: drift.drifted, median: drift.median }
    if (found === 'normal') log.info('model.judged', fields)
    else log.warn('model.judged', { ...fields, remedy: "'modwarden report' says what to do" })
  }
}
