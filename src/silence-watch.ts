import type { Settings } from './core/settings.ts'
import { createPauses, type Pauses } from './core/silence/pauses.ts'
import { judgeSilence, type Silence } from './core/silence/silence.ts'
import { createTraits, type Traits } from './core/silence/traits.ts'
import { usualUntil } from './core/silence/usual.ts'
import type { Millis } from './core/types.ts'
import type { Log } from './edge/log.ts'
import type { LogSize } from './edge/log-size.ts'
import type { HeardEvent } from './edge/store/events.ts'
import type { Store } from './edge/store/store.ts'
import type { Health } from './health.ts'

/** So many events are learned from at a time, so that nothing waits for it. */
const CHUNK = 5000
/** A clock that jumps further was set, or the machine slept. */
const JUMP: Millis = 300_000

type Parts = {
  store: Store
  settings: () => Settings
  health: Health
  log: Log
  clock: () => Millis
  /** A clock that stands still while the machine sleeps. */
  now: () => Millis
  /** Before this nothing could write a log. */
  bootedAt: Millis
  sizeOf: (log: string) => LogSize | undefined
}

type Watched = {
  pauses: Pauses
  traits: Traits
  heardAt: Millis | undefined
  /** What stood in the log when the last event came. */
  mark: LogSize | undefined
  skipped: number
  unreadSince: Millis | undefined
}

export type SilenceWatch = ReturnType<typeof createSilenceWatch>

/** Makes the watch over logs that fall silent. It learns what is usual from the events of four weeks, a chunk at a time, then from what comes; what
 *  it has told stands in the database, so that a restart neither repeats nor forgets it. */
export function createSilenceWatch({ store, settings, health, log, clock, now, bootedAt, sizeOf }: Parts) {
  const logs = new Map<string, Watched>()
  const found = new Map<string, Silence>()
  let learnedTo: number | undefined = 0
  let awakeSince = bootedAt
  let offset = clock() - now()

  function watched(path: string): Watched {
    const known = logs.get(path)
    if (known !== undefined) return known
    const fresh = {
      pauses: createPauses(),
      traits: createTraits(),
      heardAt: undefined,
      mark: undefined,
      skipped: 0,
      unreadSince: undefined,
    }
    logs.set(path, fresh)
    return fresh
  }

  function note({ pauses, traits }: Watched, events: readonly HeardEvent[]): void {
    for (const event of events) {
      pauses.note(event.at)
      traits.note(event.at, event)
    }
  }

  /** What came since the last event and gave none. */
  function unreadOf(path: string, one: Watched) {
    const size = sizeOf(path)
    one.mark ??= size
    const { mark, skipped } = one
    const bytes =
      size === undefined || mark === undefined ? 0 : size.inode === mark.inode ? Math.max(0, size.bytes - mark.bytes) : size.bytes
    if (bytes === 0 && skipped === 0) return undefined
    one.unreadSince ??= clock()
    return { bytes, pieces: skipped, since: one.unreadSince }
  }

  function judge(path: string): Silence | undefined {
    const one = watched(path)
    const { heardAt } = one
    const since = heardAt === undefined ? undefined : Math.max(heardAt, awakeSince)
    const after = settings().silenceAfter
    const until = since === undefined ? undefined : after === 'auto' ? usualUntil(one.pauses.hours(), since) : since + after
    return judgeSilence({ log: path, now: clock(), heardAt, unread: unreadOf(path, one), usualUntil: until, lost: one.traits.lost() })
  }

  function tell(path: string, silence: Silence | undefined): void {
    if (silence === undefined) found.delete(path)
    else found.set(path, silence)
    health.note('silence', silence?.problem, path)
    const told = store.silences.of(path)
    if (silence?.why === told?.why) return
    if (silence === undefined) {
      log.info('log.heard', { log: path, why: told!.why, after_seconds: Math.round((clock() - told!.since) / 1000) })
      store.silences.end(path)
      return
    }
    const { why, since, problem, remedy } = silence
    log[why === 'no-event' ? 'error' : 'warn']('log.silent', { log: path, why, since: new Date(since).toISOString(), problem, remedy })
    store.silences.begin(path, { why, since: told?.since ?? since })
  }

  return {
    /** What is amiss with a log right now. */
    of: (path: string): Silence | undefined => found.get(path),

    /** Learns from the next events of the database; false when there are no more. */
    learn(): boolean {
      if (learnedTo === undefined) return false
      const rows = store.events.heard(learnedTo, CHUNK)
      for (const row of rows) {
        if (!row.isTrusted) continue
        const one = watched(row.log)
        one.heardAt = row.seenAt
        note(one, [row])
      }
      // From here on what comes is noted as it comes.
      learnedTo = rows.length < CHUNK ? undefined : rows.at(-1)!.id
      return learnedTo !== undefined
    },

    /** Notes what a batch of a log brought. */
    handled(path: string, { heard, skipped }: { heard: readonly HeardEvent[]; skipped: readonly unknown[] }): void {
      const one = watched(path)
      if (learnedTo === undefined) note(one, heard)
      if (heard.length > 0) Object.assign(one, { heardAt: clock(), mark: undefined, skipped: 0, unreadSince: undefined })
      else one.skipped += skipped.length
    },

    /** Looks whether a log has fallen silent or is heard again, and tells it; call it every few seconds. */
    look(): void {
      const before = offset
      offset = clock() - now()
      if (Math.abs(offset - before) > JUMP) awakeSince = clock()
      if (learnedTo !== undefined) return
      for (const path of settings().auditLogs) {
        // What is known to be broken explains the silence.
        if (health.problemOf('log', path) !== undefined || health.problemOf('database') !== undefined) continue
        tell(path, judge(path))
      }
    },
  }
}
