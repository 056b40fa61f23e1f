import { setImmediate } from 'node:timers/promises'
import type { Splitter } from '../core/entry/split.ts'
import type { Batch, FileState, Millis } from '../core/types.ts'
import { createLogReader, type LogReader } from './follow/log-reader.ts'
import { fileOf, isLink } from './follow/path.ts'
import { createReadBy, sameFile } from './follow/same-file.ts'
import { createWaker } from './follow/watch.ts'

export type FollowEvent = 'log.found' | 'log.rotated' | 'log.truncated' | 'log.lost' | 'log.waiting' | 'log.unreadable' | 'log.stale-writer'

export type FollowOptions = {
  /** The reading state that was committed last; empty when the log is met for the first time. */
  from: readonly FileState[]
  /** Met for the first time, the log is read from its beginning; else from its end. A log that is not there yet is read whole when it comes. */
  fromStart: boolean
  createSplitter: (options: { offset: number }) => Splitter
  now: () => Millis
  notice: (event: FollowEvent, fields: Record<string, unknown>) => void
  /** A file that is quiet this long has no more bytes under way for what it last wrote. */
  quietMillis: Millis
  /** A rotated file is kept open until it was quiet for this long and its successor has grown. */
  graceMillis: Millis
  /** The most entries in a batch. */
  mostItems?: number | undefined
}

/** How often a log is looked at that has something to settle. */
const SETTLE_LOOK: Millis = 50

/** Leaves out what is named twice, also by a link: each of its entries would count twice. The file's own name is kept, whose reading state it has. */
function distinct(logs: readonly string[], optionsOf: (log: string) => FollowOptions): string[] {
  const names = [...new Set(logs)]
  const known = new Map<string, string>()
  for (const log of [...names.filter(name => !isLink(name)), ...names.filter(isLink)])
    if (!known.has(fileOf(log))) known.set(fileOf(log), log)
  return names.filter(log => {
    const kept = known.get(fileOf(log)) ?? log
    if (kept !== log) optionsOf(log).notice('log.unreadable', { problem: sameFile(kept) })
    return kept === log
  })
}

/** Follows several logs over rotation, truncation and restarts, and gives their entries in batches, until the signal.
 *  Asking for the next batch says that the one before is committed; who does not ask lets nothing be read.
 *  `turn` is called at every look, also when nothing is new. */
export async function* followAuditLogs(
  logs: readonly string[],
  optionsOf: (log: string) => FollowOptions,
  { signal, pollMillis, turn }: { signal: AbortSignal; pollMillis: Millis; turn?: () => void },
): AsyncGenerator<Batch> {
  const readers: LogReader[] = []
  for (const log of distinct(logs, optionsOf)) {
    readers.push(createLogReader(log, optionsOf(log), { others: logs, readBy: createReadBy(log, readers) }))
  }
  const waker = createWaker(logs)
  try {
    while (!signal.aborted) {
      let isIdle = true
      for (const reader of readers) {
        const batch = await reader.next()
        if (signal.aborted) return
        turn?.()
        if (batch === undefined) continue
        isIdle = false
        yield batch
        // A long backlog must not keep timers waiting.
        await setImmediate()
      }
      // What only waits to settle is looked at when it may.
      const isSettling = readers.some(reader => reader.isWaiting())
      if (isIdle) await waker.wait(signal, isSettling ? Math.min(pollMillis, SETTLE_LOOK) : pollMillis)
    }
  } finally {
    waker.close()
    for (const reader of readers) reader.close()
  }
}
