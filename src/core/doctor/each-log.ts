import type { LogFacts } from './facts.ts'
import { type Check, check, ifKnown, type Known, skipped, type Verdict } from './finding.ts'
import type { TailSummary } from './log-tail.ts'
import { writersOf } from './waf.ts'

/** What a check of a log may look at: the facts, and the web servers that write to this log. */
export type LogKnown = Known<'settings' | 'logs'> & ReturnType<typeof writersOf>

type Row<L> = { id: string; finds: string; remedy: string; judge: (log: L, facts: LogKnown) => Verdict }

/** Makes a check of every audit log. */
export function eachLog({ judge, ...row }: Row<LogFacts>): Check {
  return check({
    ...row,
    needs: ['settings', 'logs'],
    judge: facts =>
      facts.logs.map(log => ({ about: log.path, ...judge(log, { ...facts, ...writersOf(ifKnown(facts.web) ?? [], log.path) }) })),
  })
}

/** A log that can be read. */
export type ReadLog = LogFacts & { file: NonNullable<LogFacts['file']>; tail: TailSummary }

/** Makes a check of what every audit log holds that can be read. */
export function eachTail({ judge, ...row }: Row<ReadLog>): Check {
  return eachLog({
    ...row,
    judge: ({ file, tail, ...log }, facts) =>
      file === undefined || tail === undefined ? skipped('it cannot be read (log-readable)') : judge({ ...log, file, tail }, facts),
  })
}

/** Writes an instant for a person; what is none is said to be unknown. */
export function timeText(at: number): string {
  return Math.abs(at) < 8.64e15 ? new Date(at).toISOString().replace(/\.\d+Z$/, 'Z') : 'an unknown time'
}
