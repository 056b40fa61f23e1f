import { createAllowed } from './allowed.ts'
import { subnetOf } from './core/bounds.ts'
import { createLocalOffset } from './core/entry/time.ts'
import type { Model } from './core/model/model.ts'
import type { Settings } from './core/settings.ts'
import type { Batch, Millis } from './core/types.ts'
import { LOOPBACK } from './edge/protected-addresses.ts'
import { openScratchStore } from './edge/store/store.ts'
import { handleBatch } from './pipeline.ts'

/** After so many entries they are counted by address, and rows that are too old are deleted. */
const COUNT_AFTER = 5000

export type Replay = ReturnType<typeof createReplay>
export type ReplayResult = ReturnType<Replay['result']>

/** Makes the whole pipeline for an old log, without a firewall: the time is that of each entry, and from an address that is blocked at its time
 *  nothing counts, as if its packets had been dropped. */
export function createReplay(settings: Settings, model: Model) {
  const { store, tally } = openScratchStore()
  // Where it is replayed says nothing about the machine that wrote the log: the same log gives the same answer everywhere.
  const { isAllowed } = createAllowed(
    () => [...settings.allowlist, ...settings.trustedProxies],
    () => LOOPBACK,
  )
  const enforced = { ...settings, mode: 'enforce' as const, observeReasons: [], brakeAddresses: 0 }
  let entries = 0
  let [parsed, skipped] = [0, 0]
  const pipeline = {
    store,
    model: () => model,
    settings: () => enforced,
    isAllowed: (ip: string, at: Millis) => isAllowed(ip) || isDropped(ip, at),
    clock: Date.now,
    isReplay: true,
    parseContext: { localOffsetMinutes: createLocalOffset() },
  }

  function isDropped(ip: string, at: Millis): boolean {
    if (store.blocks.active(ip, at) !== undefined) return true
    const subnet = settings.subnetCount > 0 ? subnetOf(ip) : undefined
    return subnet !== undefined && store.blocks.active(subnet, at) !== undefined
  }

  function count(): void {
    entries = 0
    tally.count(settings.threatScore)
    const before = (tally.span()?.last ?? 0) - settings.countWindow
    const limits = { before, blocksBefore: Number.NEGATIVE_INFINITY, windowStart: before, maxEvents: settings.maxEvents }
    while (store.retention.trim(limits));
  }

  return {
    handle(batch: Batch): void {
      const handled = handleBatch(batch, pipeline)
      parsed += handled.parsed
      skipped += handled.skipped.length
      entries += batch.items.length
      if (entries >= COUNT_AFTER) count()
    },

    /** What it would have done so far. */
    result() {
      count()
      const blocked = tally.blocked()
      const sum = (of: (row: (typeof blocked)[number]) => number) => blocked.reduce((total, row) => total + of(row), 0)
      return {
        model: model.version,
        parsed,
        skipped,
        from: tally.span()?.first ?? null,
        to: tally.span()?.last ?? null,
        clients: tally.countClients(),
        addresses: blocked.length,
        blocks: sum(row => row.blocks),
        reasons: tally.reasons(),
        dropped: sum(row => row.dropped),
        clean_requests: sum(row => row.clean_requests),
        clean_dropped: sum(row => row.clean_dropped),
        blocked,
      }
    },
    close: () => store.abandon(),
  }
}
