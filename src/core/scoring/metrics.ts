/** How a request to the scorer ended. */
export type Outcome = 'pass' | 'deny' | 'denied_client' | 'capped' | 'late' | 'stopping' | 'broken' | 'too_large' | 'failed' | 'other'
export type Protocol = 'inline' | 'form' | 'json' | 'http'

const BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05] as const

export type Counters = ReturnType<typeof createCounters>
export type Gauges = Readonly<Record<string, { help: string; value: number }>>

/** Counts how requests ended and how long they took inside the server. */
export function createCounters() {
  const outcomes = new Map<string, number>()
  const buckets = new Float64Array(BUCKETS.length)
  let count = 0
  let sum = 0
  return {
    ended(protocol: Protocol, outcome: Outcome): void {
      const key = `protocol="${protocol}",outcome="${outcome}"`
      outcomes.set(key, (outcomes.get(key) ?? 0) + 1)
    },

    /** Notes the seconds from the first byte that was seen of a request to its answer. */
    took(seconds: number): void {
      count++
      sum += seconds
      for (let index = BUCKETS.length - 1; index >= 0 && seconds <= BUCKETS[index]!; index--) buckets[index]!++
    },

    /** Writes everything in the text format of Prometheus. */
    text(gauges: Gauges, model: string): string {
      const lines = [
        '# HELP modwarden_score_requests_total Requests to the scoring server by protocol and how they ended.',
        '# TYPE modwarden_score_requests_total counter',
        ...[...outcomes].map(([labels, value]) => `modwarden_score_requests_total{${labels}} ${value}`),
        '# HELP modwarden_score_seconds Time from the first byte seen of a request to its answer.',
        '# TYPE modwarden_score_seconds histogram',
        ...BUCKETS.map((limit, index) => `modwarden_score_seconds_bucket{le="${limit}"} ${buckets[index]}`),
        `modwarden_score_seconds_bucket{le="+Inf"} ${count}`,
        `modwarden_score_seconds_sum ${sum}`,
        `modwarden_score_seconds_count ${count}`,
        '# HELP modwarden_score_model_info The model that scores.',
        '# TYPE modwarden_score_model_info gauge',
        `modwarden_score_model_info{version="${model.replace(/[\\"\n]/g, '_')}"} 1`,
      ]
      for (const [name, { help, value }] of Object.entries(gauges)) {
        lines.push(`# HELP modwarden_score_${name} ${help}`, `# TYPE modwarden_score_${name} gauge`, `modwarden_score_${name} ${value}`)
      }
      return `${lines.join('\n')}\n`
    },
  }
}
