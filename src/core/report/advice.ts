import type { BandShare, Drift, HealthLimits, ModelStatus } from '../health/judge.ts'
import { isBaseVersion } from '../model-history.ts'
import { formatShare } from '../share.ts'

type Findings = {
  requests: number
  model_status: ModelStatus
  model: { version: string | null; age_seconds: number | null }
  drift: Drift
  shares: readonly BandShare[]
  inline_scores: { compared: number; disagreeing: number }
  denied_scored_low: number
}

/** Fewer inline scores than this, or a smaller share that disagrees, are no finding. */
const FEWEST_COMPARED = 20
const MOST_DISAGREEING = 0.05
const OLD_SECONDS = 30 * 86_400

/** Says in plain words what to do about what a report found; never empty. */
export function advice(found: Findings, { highScore, threatScore }: Pick<HealthLimits, 'highScore' | 'threatScore'>): string[] {
  const { drift, inline_scores, model } = found
  if (found.requests === 0)
    return ["no request was seen: 'modwarden status' says whether the daemon runs and whether audit_log names the right file"]
  const broken = found.shares.find(share => !share.kept)
  const todo: string[] = []
  if (found.model_status === 'too_sensitive')
    todo.push(
      `the model calls too much high: look through 'modwarden events --min-score ${highScore}', mark what was no attack with 'modwarden false-positive ID', then train again ('systemctl start modwarden-train'); a wave of real attacks looks the same and needs nothing`,
    )
  if (found.model_status === 'too_lenient')
    todo.push(
      `the WAF denied ${found.denied_scored_low} requests that the model finds ordinary: if 'modwarden events' shows attacks among them, train on traffic without attacks; if the WAF was wrong, tune its rules`,
    )
  if (drift.drifted)
    todo.push(
      drift.drift! > 0
        ? 'ordinary traffic looks stranger than in training (a new release, a new site?): train again with recent traffic'
        : 'ordinary traffic is plainer than in training (health checks, one page?): train again if that is how it stays',
    )
  if (broken !== undefined && found.model_status !== 'too_sensitive')
    todo.push(
      `${formatShare(broken.share!)} of the requests that the WAF let pass score above ${broken.over}, promised are ${formatShare(broken.promised, 2)}: look through 'modwarden events --min-score ${broken.over}'; mark what was no attack and train again`,
    )
  if (inline_scores.compared >= FEWEST_COMPARED && inline_scores.disagreeing > MOST_DISAGREEING * inline_scores.compared)
    todo.push(
      'inline scores differ from our own: the scorer may use another model, or the audit log lacks what it saw (bodies: SecAuditLogParts with C, headers: with B)',
    )
  if (model.age_seconds !== null && model.age_seconds > OLD_SECONDS && !isBaseVersion(model.version!))
    todo.push("the model is older than 30 days: 'systemctl list-timers modwarden-train.timer' says whether it is trained every week")
  if (model.version !== null && isBaseVersion(model.version))
    todo.push(
      `the base model scores, which knows no traffic of yours: what scores above ${threatScore} with it is less certain; 'systemctl enable --now modwarden-train.timer' trains one every week`,
    )
  return todo.length === 0 ? ['nothing to do'] : todo
}
