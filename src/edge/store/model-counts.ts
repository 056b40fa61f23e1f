import type { Database } from 'better-sqlite3'
import { BINS, type Histograms } from '../../core/health/histogram.ts'
import type { HourBin, HourTally, ModelHour, Tally } from '../../core/health/tally.ts'
import type { Millis } from '../../core/types.ts'

const SUMMED = ['events', 'threats', 'high', 'medium', 'denied', 'denied_low', 'compared', 'disagreeing']

type HourRow = Omit<Tally, 'deniedLow'> & { hour: number; model: string; denied_low: number }

/** What each model made of each hour: the health of the model and the report are read from here. */
export function createModelCounts(database: Database) {
  const addHour = database.prepare(
    `INSERT INTO model_hours (hour, model, last_seen_at, ${SUMMED.join(', ')}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (hour, model) DO UPDATE SET last_seen_at = max(last_seen_at, excluded.last_seen_at),
       ${SUMMED.map(name => `${name} = ${name} + excluded.${name}`).join(', ')}`,
  )
  const addBin = database.prepare(
    `INSERT INTO model_scores (hour, model, bin, events, unflagged, ordinary) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (hour, model, bin) DO UPDATE SET events = events + excluded.events, unflagged = unflagged + excluded.unflagged,
       ordinary = ordinary + excluded.ordinary`,
  )
  const hours = database.prepare<[number], HourRow>(
    `SELECT hour, model, ${SUMMED.join(', ')} FROM model_hours WHERE hour >= ? ORDER BY hour, model`,
  )
  const current = database.prepare<[], string>('SELECT model FROM model_hours ORDER BY last_seen_at DESC, hour DESC LIMIT 1').pluck()
  const bins = database.prepare<[number, number, string | null], { bin: number; events: number; unflagged: number; ordinary: number }>(
    `SELECT bin, sum(events) AS events, sum(unflagged) AS unflagged, sum(ordinary) AS ordinary
     FROM model_scores WHERE hour >= ? AND hour <= ? AND model = coalesce(?, model) GROUP BY bin`,
  )
  return {
    /** Adds what a batch brought; `seenAt` tells which model was the last at work. */
    add(model: string, seenAt: Millis, counts: { hours: readonly HourTally[]; bins: readonly HourBin[] }): void {
      for (const { hour, events, threats, high, medium, denied, deniedLow, compared, disagreeing } of counts.hours)
        addHour.run(hour, model, seenAt, events, threats, high, medium, denied, deniedLow, compared, disagreeing)
      for (const { hour, bin, events, unflagged, ordinary } of counts.bins) addBin.run(hour, model, bin, events, unflagged, ordinary)
    },

    /** The hours from `first` on (hours since 1970), one row a model. */
    hours: (first: number): ModelHour[] => hours.all(first).map(({ denied_low, ...row }) => ({ ...row, deniedLow: denied_low })),

    /** The version of the model that scored last; undefined before the first entry. */
    currentModel: (): string | undefined => current.get(),

    /** The own scores of the hours from `first` to `last`, of one model or of all. */
    histograms(first: number, last: number, model?: string): Histograms {
      const empty = () => Array.from({ length: BINS }, () => 0)
      const found = { events: empty(), unflagged: empty(), ordinary: empty() }
      for (const { bin, ...counts } of bins.all(first, last, model ?? null))
        for (const name of ['events', 'unflagged', 'ordinary'] as const) found[name][bin] = counts[name]
      return found
    },
  }
}
