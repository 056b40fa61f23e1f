import type { Settings } from './core/settings.ts'
import type { Silence } from './core/silence/silence.ts'
import type { Batch, Millis } from './core/types.ts'
import type { FollowEvent } from './edge/follow.ts'
import type { Log } from './edge/log.ts'
import type { DaemonState } from './edge/status-file.ts'
import type { Health } from './health.ts'
import type { Handled } from './pipeline.ts'
import { VERSION } from './version.ts'

/** Without a sign of life from the follower for this long, the pipeline is taken to hang. */
const STILL: Millis = 30_000
const IDLE: Millis = 3_000

type Parts = {
  health: Health
  silenceOf: (log: string) => Silence | undefined
  model: () => { version: string }
  settings: () => Settings
  /** What holds the blocks now. */
  backend: () => string | undefined
  clock: () => Millis
  file: { write(state: DaemonState): void; close(): void }
}

export type Status = ReturnType<typeof createStatus>

/** Gathers what `modwarden status` shows of a running daemon, and whether its pipeline moves. */
export function createStatus({ health, silenceOf, model, settings, backend, clock, file }: Parts) {
  const startedAt = clock()
  const lag = new Map<string, number>()
  const lastAt = new Map<string, Millis>()
  let lastEntryAt: Millis | null = null
  let movedAt = performance.now()
  let batchAt = performance.now()
  let counted = { at: performance.now(), entries: 0, rate: 0 }

  function rate(): number {
    const now = performance.now()
    if (now - counted.at >= 10_000) counted = { at: now, entries: 0, rate: (counted.entries * 1000) / (now - counted.at) }
    return counted.rate
  }

  return {
    /** Notes that the follower or the writer of batches took a turn. */
    moved(): void {
      movedAt = performance.now()
    },
    isMoving: (): boolean => performance.now() - movedAt < STILL,

    /** Says whether no batch came for a few seconds. */
    isIdle: (): boolean => performance.now() - batchAt > IDLE,

    followed({ log, items, pendingBytes }: Batch): void {
      batchAt = performance.now()
      lag.set(log, pendingBytes)
      if (items.length > 0) health.recovered('log', log)
    },

    handled(log: string, { parsed, heard }: Handled): void {
      if (parsed > 0) lastEntryAt = clock()
      if (heard.length > 0) lastAt.set(log, heard.at(-1)!.at)
      counted.entries += parsed
    },

    /** Tells what the follower noticed; a log that cannot be read is a problem until it is found or gives entries again. */
    noticed(path: string, event: FollowEvent, fields: Readonly<Record<string, unknown>>, log: Log): void {
      if (event === 'log.unreadable' || event === 'log.waiting') {
        health.failed('log', `${path}: ${String(fields.problem)}`, path)
        return
      }
      if (event === 'log.found' || event === 'log.rotated') health.recovered('log', path)
      const remedy = event === 'log.stale-writer' ? { remedy: 'rotate with copytruncate, or restart the web server' } : {}
      log[event === 'log.rotated' || event === 'log.found' ? 'info' : 'warn'](event, { log: path, ...fields, ...remedy })
    },

    write(): void {
      const { mode, auditLogs } = settings()
      const firewallProblem = health.problemOf('firewall')
      const databaseProblem = health.problemOf('database')
      const logs = auditLogs.map(path => {
        const problem = health.problemOf('log', path)
        const [last_at, silence] = [lastAt.get(path), silenceOf(path)]
        return {
          ...{ path, lag_bytes: lag.get(path) ?? 0 },
          ...(last_at === undefined ? {} : { last_at }),
          ...(problem === undefined ? {} : { problem }),
          ...(silence === undefined ? {} : { silence }),
        }
      })
      file.write({
        pid: process.pid,
        version: VERSION,
        started_at: startedAt,
        updated_at: clock(),
        mode,
        firewall: settings().firewall,
        firewall_backend: backend() ?? settings().firewall,
        ...(firewallProblem === undefined ? {} : { firewall_problem: firewallProblem }),
        ...(databaseProblem === undefined ? {} : { database_problem: databaseProblem }),
        model: model().version,
        logs,
        last_entry_at: lastEntryAt,
        entries_per_second: Math.round(rate() * 10) / 10,
      })
    },
    close: () => file.close(),
  }
}
