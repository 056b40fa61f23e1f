import type { Millis } from './core/types.ts'
import type { Log } from './edge/log.ts'

/** What can be wrong while the daemon, or the notifier (the last three), runs on. */
export type Part = 'firewall' | 'database' | 'log' | 'denied_file' | 'brake' | 'silence' | 'outbox' | 'delivery' | 'progress' | 'crawlers'

const REPEAT: Millis = 60_000

export type Health = ReturnType<typeof createHealth>

/** Keeps what is wrong right now, tells it once when it begins, again every minute, and when it is over. */
export function createHealth(log: Log, clock: () => Millis, onChange: (summary: string) => void, fine = 'following') {
  const problems = new Map<string, { part: Part; problem: string; since: Millis; toldAt: Millis }>()
  let soundSince = clock()
  const remove = (key: string): boolean => {
    const wasThere = problems.delete(key)
    if (wasThere && problems.size === 0) soundSince = clock()
    return wasThere
  }
  const summary = () =>
    problems.size === 0 ? fine : `degraded: ${[...problems.values()].map(({ part, problem }) => `${part}: ${problem}`).join('; ')}`
  return {
    /** Notes a problem; `about` tells several of one part apart (the path of a log). */
    failed(part: Part, problem: string, about = ''): void {
      const now = clock()
      const before = problems.get(part + about)
      const isNew = before === undefined || now - before.toldAt >= REPEAT
      problems.set(part + about, { part, problem, since: before?.since ?? now, toldAt: isNew ? now : before.toldAt })
      if (isNew)
        log.error(`${part}.failed`, { problem, ...(about === '' ? {} : { about }), since: new Date(before?.since ?? now).toISOString() })
      if (before === undefined) onChange(summary())
    },
    recovered(part: Part, about = ''): void {
      const before = problems.get(part + about)
      if (!remove(part + about) || before === undefined) return
      log.info(`${part}.recovered`, { ...(about === '' ? {} : { about }), after_seconds: Math.round((clock() - before.since) / 1000) })
      onChange(summary())
    },
    /** Notes what is not as it should be, or no longer so, where somebody else tells it. */
    note(part: Part, problem: string | undefined, about = ''): void {
      const before = problems.get(part + about)
      if (before?.problem === problem) return
      if (problem === undefined) remove(part + about)
      else problems.set(part + about, { part, problem, since: before?.since ?? clock(), toldAt: clock() })
      onChange(summary())
    },
    /** Since when nothing is wrong; undefined while something is. */
    soundSince: (): Millis | undefined => (problems.size === 0 ? soundSince : undefined),
    problemOf: (part: Part, about = ''): string | undefined => problems.get(part + about)?.problem,
    summary,
  }
}
