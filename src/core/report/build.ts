import { BIN_WIDTH, type Histogram, type Histograms, promisedInBin } from '../health/histogram.ts'
import { type BandShare, type Drift, type HealthLimits, judgeModel, type ModelStatus, measureDrift } from '../health/judge.ts'
import { type MarkedHour, type ModelHour, sumTallies, type Tally } from '../health/tally.ts'
import type { Millis } from '../types.ts'
import { advice } from './advice.ts'

/** What a report is made of; hours are counted from 1970. */
export type ReportInput = {
  now: Millis
  /** The first hour that counts. */
  first: number
  hours: readonly ModelHour[]
  marked: readonly MarkedHour[]
  health: {
    model: string | undefined
    status: ModelStatus
    reason: string
    tally: Tally
    drift: Drift
    shares: BandShare[]
    histograms: Histograms
  }
  trainedAt: Millis | undefined
  /** The own scores of ordinary events of a day (days since 1970). */
  ordinaryOfDay: (day: number) => Histogram
  blocks: { byReason: readonly { reason: string; blocks: number }[]; standing: number }
  offenders: readonly { ip: string; threats: number; highest_score: number; last_at: Millis; blocks: number }[]
  falsePositives: { marked: number; marks: number; requests: number }
  limits: HealthLimits
}

/** The counts of a stretch of time, threats that were marked left out. */
export type Counts = { requests: number; detections: number; high: number; medium: number; low: number; denied: number }

export type Report = ReturnType<typeof buildReport>

const HOUR: Millis = 3_600_000
const MOST_DAYS = 62

/** Makes the report as `report --json` prints it: the names of the how-to's monitor first, then what explains them. */
export function buildReport(input: ReportInput) {
  const { now, health, blocks, falsePositives } = input
  const hours = countHours(input)
  const all = sumCounts(hours)
  const { tally, drift } = health
  const report = {
    timestamp: iso(now),
    total_ml_detections: all.detections,
    high_risk_detections: all.high,
    medium_risk_detections: all.medium,
    low_risk_detections: all.low,
    blocked_requests: all.denied,
    model_status: health.status,
    false_positives_count: falsePositives.marked,
    model_status_reason: health.reason,
    from: iso(input.first * HOUR),
    requests: all.requests,
    thresholds: { high_score: input.limits.highScore, threat_score: input.limits.threatScore },
    model: {
      version: health.model ?? null,
      trained_at: input.trainedAt === undefined ? null : iso(input.trainedAt),
      age_seconds: input.trainedAt === undefined ? null : Math.max(0, Math.round((now - input.trainedAt) / 1000)),
    },
    drift,
    shares: health.shares,
    histogram: health.histograms.events.map((requests, bin) => ({
      from: bin * BIN_WIDTH,
      to: (bin + 1) * BIN_WIDTH,
      requests,
      unflagged: health.histograms.unflagged[bin]!,
      promised: promisedInBin(bin),
    })),
    denied_since_model: tally.denied,
    denied_scored_low: tally.deniedLow,
    inline_scores: { compared: tally.compared, disagreeing: tally.disagreeing },
    blocks: {
      started: blocks.byReason.reduce((sum, row) => sum + row.blocks, 0),
      by_reason: Object.fromEntries(blocks.byReason.map(row => [row.reason, row.blocks])),
      standing: blocks.standing,
    },
    false_positives: { kept: falsePositives.marks, learnable: falsePositives.requests },
    top_offenders: input.offenders.map(({ last_at, ...offender }) => ({ ...offender, last_seen: iso(last_at) })),
    hours: hours.map(({ hour, ...counts }) => ({ hour: iso(hour * HOUR), ...counts })),
    days: countDays(input, hours),
  }
  return { ...report, next: advice(report, input.limits) }
}

function countHours({ hours, marked }: ReportInput): (Counts & { hour: number })[] {
  return [...Map.groupBy(hours, row => row.hour)].map(([hour, rows]) => {
    const sum = sumTallies(rows)
    const marks = (risk: MarkedHour['risk']) => marked.find(row => row.hour === hour && row.risk === risk)?.marks ?? 0
    // An hour may have been counted under other settings than its marks.
    const high = Math.max(0, sum.high - marks('high'))
    const medium = Math.max(0, sum.medium - marks('medium'))
    const low = Math.max(0, sum.threats - sum.high - sum.medium - marks('low'))
    return { hour, requests: sum.events, detections: high + medium + low, high, medium, low, denied: sum.denied }
  })
}

/** The health of each day (UTC), newest last. */
function countDays({ hours, ordinaryOfDay, limits }: ReportInput, counted: readonly (Counts & { hour: number })[]) {
  const dayOf = ({ hour }: { hour: number }) => Math.floor(hour / 24)
  const countsOf = Map.groupBy(counted, dayOf)
  return [...Map.groupBy(hours, dayOf)].slice(-MOST_DAYS).map(([day, rows]) => ({
    day: iso(day * 24 * HOUR).slice(0, 10),
    ...sumCounts(countsOf.get(day) ?? []),
    model_status: judgeModel(sumTallies(rows), limits).status,
    median: measureDrift(ordinaryOfDay(day), limits).median,
  }))
}

function sumCounts(rows: readonly Counts[]): Counts {
  const sum = { requests: 0, detections: 0, high: 0, medium: 0, low: 0, denied: 0 }
  for (const row of rows) for (const name of Object.keys(sum) as (keyof Counts)[]) sum[name] += row[name]
  return sum
}

function iso(at: Millis): string {
  return new Date(at).toISOString()
}
