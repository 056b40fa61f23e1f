import type { Settings } from './core/settings.ts'
import type { Batch, Millis } from './core/types.ts'
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
  model: () => { version: string }
  settings: () => Settings
  clock: () => Millis
  file: { write(state: DaemonState): void; close(): void }
}

export type Status = ReturnType<typeof createStatus>

/** Gathers what `modwarden status` shows of a running daemon, and whether its pipeline moves. */
export function createStatus({ health, model, settings, clock, file }: Parts) {
  const startedAt = clock()
  const lag = new Map<string, number>()
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

    followed({ log, pendingBytes }: Batch): void {
      batchAt = performance.now()
      lag.set(log, pendingBytes)
      health.recovered('log', log)
    },

    handled({ parsed }: Handled): void {
      if (parsed > 0) lastEntryAt = clock()
      counted.entries += parsed
    },

    /** Tells what the follower noticed; a log that cannot be read is a problem until it gives entries again. */
    noticed(path: string, event: string, fields: Readonly<Record<string, unknown>>, log: Log): void {
      if (event === 'log.unreadable' || event === 'log.waiting' || event === 'log.stale-writer') {
        const what =
          event === 'log.stale-writer'
            ? 'the web server still writes to the rotated file; use copytruncate or restart it'
            : String(fields.problem ?? 'it is not there yet')
        health.failed('log', `${path}: ${what}`, path)
        return
      }
      if (event === 'log.found') health.recovered('log', path)
      log[event === 'log.rotated' ? 'info' : 'warn'](event, { log: path, ...fields })
    },

    write(): void {
      const { mode, auditLogs } = settings()
      const firewallProblem = health.problemOf('firewall')
      const databaseProblem = health.problemOf('database')
      const logs = auditLogs.map(path => {
        const problem = health.problemOf('log', path)
        return { path, lag_bytes: lag.get(path) ?? 0, ...(problem === undefined ? {} : { problem }) }
      })
      file.write({
        pid: process.pid,
        version: VERSION,
        started_at: startedAt,
        updated_at: clock(),
        mode,
        firewall: settings().firewall,
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
