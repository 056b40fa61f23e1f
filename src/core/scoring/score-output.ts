import { explainRequest, type Model, scoreNotes, scoreRequest } from '../model/model.ts'
import type { HttpRequest } from '../types.ts'
import { isCapped } from './verdict.ts'

/** From this score on a request counts as an anomaly. */
const ANOMALY = 5

/** What `modwarden score` and the scoring server say to people about a request. */
export function scoreOutput(model: Model, request: HttpRequest) {
  const scored = scoreRequest(model, request)
  return {
    anomaly_score: scored.score,
    is_anomaly: scored.score >= ANOMALY,
    raw_score: scored.raw,
    ...(isCapped(scored) ? { capped: true } : {}),
    ...(scoreNotes(scored).length === 0 ? {} : { notes: scoreNotes(scored) }),
    reasons: explainRequest(model, request),
    model: model.version,
  }
}
