/** Counts of a number of hours; `hour` is the first one, counted from 1970. */
export type Bucket = { hour: number; requests: number; high: number; medium: number; low: number }

type Hour = { hour: string; requests: number; high: number; medium: number; low: number }

const HOUR = 3_600_000

/** Spreads the hours of a report over at most `most` buckets of equal length, empty ones included. */
export function bucketHours(
  report: { from: string; timestamp: string; hours: readonly Hour[] },
  most: number,
): { each: number; buckets: Bucket[] } {
  const hourOf = (text: string) => Math.floor(Date.parse(text) / HOUR)
  // An endless report begins where something was seen.
  const first = Math.max(hourOf(report.from), hourOf(report.hours[0]?.hour ?? report.from))
  const last = Math.max(first, hourOf(report.timestamp))
  const each = Math.ceil((last - first + 1) / most)
  const buckets = Array.from({ length: Math.ceil((last - first + 1) / each) }, (_, index) => ({
    hour: first + index * each,
    requests: 0,
    high: 0,
    medium: 0,
    low: 0,
  }))
  for (const row of report.hours) {
    const bucket = buckets[Math.floor((hourOf(row.hour) - first) / each)]
    if (bucket === undefined) continue
    for (const name of ['requests', 'high', 'medium', 'low'] as const) bucket[name] += row[name]
  }
  return { each, buckets }
}
