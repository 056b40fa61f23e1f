import { parseEntry } from '../../src/core/entry/parse.ts'
import { createSplitter } from '../../src/core/entry/split.ts'
import { createLocalOffset } from '../../src/core/entry/time.ts'
import type { AuditEvent, Batch, Millis } from '../../src/core/types.ts'
import { type FollowOptions, followAuditLogs } from '../../src/edge/follow.ts'
import { readIndexedFiles } from '../../src/edge/indexed-file.ts'
import { until } from '../until.ts'

const QUIET: Millis = 250
/** After so many looks and so long a time that brought nothing new, nothing more will come: the last to come waits for the quiet. */
const IDLE_LOOKS = 5
const IDLE: Millis = 2 * QUIET

/** Follows the log of a running server as the daemon does, and keeps what comes. */
export function createReading({ auditLog, storage }: { auditLog: string; storage: string }) {
  /** Events of entries that count, and of those that are kept only. */
  const events: AuditEvent[] = []
  const lowEvents: AuditEvent[] = []
  const problems: string[] = []
  const notices: string[] = []
  const stop = new AbortController()
  const localOffsetMinutes = createLocalOffset()
  let gate = Promise.resolve()
  let looks = 0
  let tookAt = performance.now()
  let failure: unknown
  const options: FollowOptions = {
    from: [],
    fromStart: true,
    createSplitter,
    now: Date.now,
    notice: event => void notices.push(event),
    quietMillis: QUIET,
    graceMillis: 60_000,
  }

  function take(batch: Batch): void {
    looks = 0
    tookAt = performance.now()
    if (batch.lostBytes > 0) problems.push(`${batch.lostBytes} bytes were lost`)
    for (const item of batch.items) {
      const parsed = item.kind === 'skipped' ? { ok: false as const, problem: item.problem } : parseEntry(item, { localOffsetMinutes })
      if (!parsed.ok) problems.push(parsed.problem)
      else (item.kind === 'entry' && item.trust === 'full' ? events : lowEvents).push(parsed.value)
    }
  }

  async function follow(): Promise<void> {
    const batches = followAuditLogs([auditLog], () => options, { signal: stop.signal, pollMillis: 100, turn: () => void looks++ })
    for await (const batch of batches) {
      take(await readIndexedFiles(batch, storage))
      await gate
    }
  }

  const ended = follow().catch(error => {
    failure = error
  })

  return {
    events,
    lowEvents,
    problems,
    notices,
    /** Waits until what `isThere` looks for is there, and nothing more comes. */
    async settled(what: string, isThere: () => boolean): Promise<void> {
      const isIdle = () => looks > IDLE_LOOKS && performance.now() - tookAt > IDLE
      await until(what, () => failure !== undefined || (isThere() && isIdle())).finally(() => {
        if (failure !== undefined) throw failure
      })
    },
    /** Lets nothing more be read than one batch, until the function that it gives is called. */
    hold(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      return resolve
    },
    async close(): Promise<void> {
      stop.abort()
      await ended
    },
  }
}
