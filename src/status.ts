import type { Settings } from './core/settings.ts'
import type { Silence } from './core/silence/silence.ts'
import type { Batch, Millis } from './core/types.ts'
import type { FollowEvent } from './edge/follow.ts'
import type { Log } from './edge/log.ts'
import type { DaemonState } from './edge/status-file.ts'
import type { Health, Part } from './health.ts'
import type { Handled } from './pipeline.ts'
import { VERSION } from './version.ts'

/** Without a sign of life from the follower for this long, the pipeline is taken to hang. */
const STILL: Millis = 30_000
const IDLE: Millis = 3_000
/** How often the state is written down. */
export const STATUS_EVERY: Millis = 2_000

type Parts = {
  health: Health
  silenceOf: (log: string) => Silence | undefined
  model: () => { version: string }
  settings: () => Settings
  /** What holds the blocks now. */
  backend: () => string | undefined
  clock: () => Millis
  file: { write(state: Omit<DaemonState, 'pid' | 'birth'>): void; close(): void }
}

/** All that is written must fit into the one block of the file. */
const MOST_OF_A_PROBLEM = 300

export type Status = ReturnType<typeof createStatus>

/** Gathers what `modwarden status` shows of a running daemon, and whether its pipeline moves. */
export function createStatus({ health, silenceOf, model, settings, backend, clock, file }: Parts) {
  const startedAt = clock()
  const lag = new Map<string, number>()
  const lastAt = new Map<string, Millis>()
  const late = new Map<string, Millis>()
  /** Nothing was left to read before the last batch. */
  let isLive = false
  let lastEntryAt: Millis | null = null
  let wroteAt = Number.NEGATIVE_INFINITY
  let isClosed = false
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
      isLive = lag.get(log) === 0
      lag.set(log, pendingBytes)
      if (items.length > 0) health.recovered('log', log)
    },

    handled(log: string, { parsed, heard }: Handled): void {
      if (parsed > 0) lastEntryAt = clock()
      const last = heard.at(-1)
      if (last !== undefined) lastAt.set(log, last.at)
      if (last !== undefined && isLive) late.set(log, clock() - last.at)
      counted.entries += parsed
      // A backlog leaves little time for anything else, and just then it is to be seen.
      if (performance.now() - wroteAt > STATUS_EVERY) write()
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

    write,
    /** Notes that the daemon ends in good order. */
    close(): void {
      isClosed = true
      file.write({ ...state(), stopped_at: clock() })
      file.close()
    },
  }

  function write(): void {
    if (isClosed) return
    wroteAt = performance.now()
    file.write(state())
  }

  function state(): Omit<DaemonState, 'pid' | 'birth'> {
    const { mode, auditLogs, firewall } = settings()
    const soundSince = health.soundSince()
    return {
      version: VERSION,
      started_at: startedAt,
      updated_at: clock(),
      mode,
      firewall,
      firewall_backend: backend() ?? firewall,
      model: model().version,
      logs: auditLogs.map(logState),
      last_entry_at: lastEntryAt,
      entries_per_second: Math.round(rate() * 10) / 10,
      ...(soundSince === undefined ? {} : { sound_since: soundSince }),
      ...problem('firewall_problem', 'firewall'),
      ...problem('database_problem', 'database'),
      ...problem('denied_file_problem', 'denied_file'),
    }
  }

  function logState(path: string): DaemonState['logs'][number] {
    const [last_at, late_by, silence] = [lastAt.get(path), late.get(path), silenceOf(path)]
    return {
      path,
      lag_bytes: lag.get(path) ?? 0,
      ...(last_at === undefined ? {} : { last_at }),
      ...(late_by === undefined ? {} : { late: late_by }),
      ...problem('problem', 'log', path),
      ...(silence === undefined ? {} : { silence }),
    }
  }

  function problem<Name extends string>(name: Name, part: Part, about = ''): { [name in Name]?: string } {
    const text = health.problemOf(part, about)
    return text === undefined ? {} : ({ [name]: text.slice(0, MOST_OF_A_PROBLEM) } as { [name in Name]?: string })
  }
}
