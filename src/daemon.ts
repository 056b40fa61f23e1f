import { uptime } from 'node:os'
import { createAllowed, neverBlocked } from './allowed.ts'
import type { Announcer } from './announce.ts'
import { createClockWatch } from './clock-watch.ts'
import { createCommit } from './commit.ts'
import { createSplitter } from './core/entry/split.ts'
import { createLocalOffset } from './core/entry/time.ts'
import type { Settings } from './core/settings.ts'
import type { Millis } from './core/types.ts'
import { createCrawlers } from './crawlers.ts'
import type { CutConnections } from './edge/firewall/cut-connections.ts'
import { type FollowOptions, followAuditLogs } from './edge/follow.ts'
import { readIndexedFiles } from './edge/indexed-file.ts'
import type { Log } from './edge/log.ts'
import { logSize } from './edge/log-size.ts'
import { createMemoryKeeper } from './edge/memory.ts'
import { openModel } from './edge/model-file.ts'
import { openCrawlersFile } from './edge/notification/crawlers-file.ts'
import type { Notify } from './edge/notify.ts'
import { protectedAddresses } from './edge/protected-addresses.ts'
import { standingPath } from './edge/standing-file.ts'
import { openStatusFile, statusPath } from './edge/status-file.ts'
import { isPassing, type Store } from './edge/store/store.ts'
import { createEnforce, type Firewall } from './enforce.ts'
import { createGuard } from './guard.ts'
import { createHealth } from './health.ts'
import { limitsOf, runHousekeeping } from './housekeeping.ts'
import { createKeeper } from './keeper.ts'
import { createModelWatch } from './model-watch.ts'
import { createNarrate } from './narrate.ts'
import { handleBatch } from './pipeline.ts'
import { createSilenceWatch } from './silence-watch.ts'
import { createStandingKeeper } from './standing-keeper.ts'
import { createStatus, STATUS_EVERY } from './status.ts'

const SECOND: Millis = 1000
/** The kernel is compared with the table this often where nobody tells when it changes: what somebody else did is repaired within 5 s. */
const VERIFY: Millis = 4.4 * SECOND
/** Where the kernel tells it, this often all the same. */
const VERIFY_WATCHED: Millis = 60 * SECOND
/** No write of a web server lasts longer (151 ms was the longest that was seen). */
const QUIET: Millis = SECOND / 4

export type DaemonParts = {
  settings: Settings
  store: Store
  firewall: Firewall
  /** Ends the live connections of addresses that are blocked from now on. */
  cutConnections?: CutConnections
  log: Log
  /** Hands on to the notifier what it is to send and to look up. */
  announcer: Announcer
  notify: Notify
  clock: () => Millis
  signal: AbortSignal
  /** How often systemd wants to hear that the pipeline moves. */
  watchdogEvery: Millis
  /** Read a log that is followed for the first time from its beginning. */
  fromStart: boolean
}

export type Daemon = { reload(settings: Settings): Promise<void>; ended: Promise<void> }

/** Builds the chain from the table, then follows the audit logs and keeps the firewall in step until the signal; `ended` resolves when all is committed.
 *  Throws when the firewall cannot be used at the start. */
export async function startDaemon(parts: DaemonParts): Promise<Daemon> {
  const { store, log, announcer, notify, clock } = parts
  const live = { settings: parts.settings }
  const stop = new AbortController()
  const signal = AbortSignal.any([parts.signal, stop.signal])
  const model = openModel(live.settings.modelDir, log)
  const allowed = createAllowed(() => neverBlocked(live.settings, store, clock()), protectedAddresses)
  const narrate = createNarrate(log, clock)
  let showState = () => {}
  const health = createHealth(log, clock, summary => {
    void notify.status(summary)
    showState()
  })
  const guard = createGuard(health)
  const { guarded } = guard
  const silence = createSilenceWatch({
    ...{ store, settings: () => live.settings, health, log, clock, sizeOf: logSize },
    now: () => performance.now(),
    bootedAt: clock() - uptime() * SECOND,
  })
  const status = createStatus({
    health,
    silenceOf: silence.of,
    model: model.current,
    settings: () => live.settings,
    backend: parts.firewall.backend,
    clock,
    file: openStatusFile(statusPath(live.settings.database)),
  })
  showState = status.write
  const pipeline = {
    store,
    model: model.current,
    settings: () => live.settings,
    isAllowed: allowed.isAllowed,
    clock,
    parseContext: { localOffsetMinutes: createLocalOffset(clock) },
  }
  const commit = createCommit({ store, handle: batch => handleBatch(batch, pipeline), health, turn: status.moved, signal })
  const standing = createStandingKeeper({ store, path: standingPath(live.settings.database), log, clock, now: () => performance.now() })
  const keeper = createKeeper({ store, settings: () => live.settings, allowed, narrate, health, clock, onChange: standing.changed })
  const crawlers = createCrawlers({ store, settings: () => live.settings, file: openCrawlersFile(), ask: announcer.ask, log, clock })
  const enforceRows = createEnforce({ store, firewall: parts.firewall, clock, allowed: allowed.networks })

  const watchModel = createModelWatch({ store, settings: () => live.settings, log, clock })
  const mendFuture = createClockWatch({ store, log, clock, now: () => performance.now() })
  const memory = createMemoryKeeper()
  let verified = { at: performance.now(), took: 0, changed: false }
  guarded(keeper.releaseAllowed)
  guarded(keeper.fitMode)
  const first = await enforceRows({ verify: true })
  parts.cutConnections?.(first.applied, allowed.networks())
  narrate.enforced(first)
  const watch = parts.firewall.watch?.(() => {
    verified.changed = true
  })
  keeper.writeDenied()
  guarded(keeper.lookAtBrake)
  log.info('daemon.started', {
    logs: live.settings.auditLogs,
    mode: live.settings.mode,
    firewall: parts.firewall.backend(),
    model: model.current().version,
    blocks: store.blocks.countActive(clock()),
  })
  status.write()
  await notify.ready(health.summary())
  const ended = Promise.all([follow(), keepHouse()].map(endTogether)).then(() => standing.write({ isLast: true }))
  return { reload, ended: ended.finally(close) }

  /** Whichever loop fails ends the other one, and with it the process: systemd starts it again. */
  async function endTogether(loop: Promise<void>): Promise<void> {
    try {
      await loop
    } finally {
      stop.abort()
    }
  }

  async function close(): Promise<void> {
    watch?.stop()
    await standing.close()
    status.close()
  }

  async function follow(): Promise<void> {
    for await (const batch of followAuditLogs(live.settings.auditLogs, followOptions, { signal, pollMillis: SECOND, turn: status.moved })) {
      status.followed(batch)
      const handled = await commit(await readIndexedFiles(batch, live.settings.storageDir))
      if (handled === undefined) return
      narrate.handled(handled)
      status.handled(batch.log, handled)
      silence.handled(batch.log, handled)
      memory.handled(batch.items.reduce((sum, item) => sum + item.length, 0))
      if (handled.held > 0) guarded(keeper.lookAtBrake)
      if (handled.blocks.length === 0) continue
      keeper.changed()
      guarded(() => crawlers.blocked(handled.blocks))
      await enforce(false)
    }
  }

  /** Brings the firewall in step; what fails stays pending and is tried again at the next turn. */
  async function enforce(verify: boolean): Promise<void> {
    // Programs that hang are ended in time: whoever waits for the firewall does not hang.
    const waiting = setInterval(status.moved, SECOND)
    try {
      const enforced = await enforceRows({ verify })
      parts.cutConnections?.(enforced.applied, allowed.networks())
      narrate.enforced(enforced)
      health.recovered('firewall')
    } catch (error) {
      if (isPassing(error)) guard.refused(error)
      else if (isDatabase(error)) throw error
      else health.failed('firewall', describe(error))
    } finally {
      clearInterval(waiting)
    }
  }

  function keepHouse(): Promise<void> {
    let version = store.dataVersion()
    const hasWork = () => {
      const before = version
      version = store.dataVersion()
      let isDue = before !== version || (store.blocks.nextExpiry() ?? Number.POSITIVE_INFINITY) <= clock()
      guarded(() => {
        isDue = crawlers.takeIn() || isDue
      })
      if (isDue) keeper.changed()
      return isDue
    }
    return runHousekeeping(
      [
        { every: VERIFY_WATCHED, due: isVerifyDue, work: verify },
        { every: 5 * SECOND, due: hasWork, work: takeUp },
        { every: SECOND, work: narrate.flush },
        { every: SECOND, work: () => announcer.report(health) },
        { every: SECOND, work: () => guarded(keeper.writeDenied) },
        { every: SECOND, work: () => standing.write() },
        { every: STATUS_EVERY, work: status.write },
        { every: parts.watchdogEvery, work: () => (status.isMoving() ? notify.watchdog() : undefined) },
        { every: 0, work: () => guarded(silence.learn) },
        { every: 5 * SECOND, work: () => guarded(silence.look) },
        { every: 60 * SECOND, work: refreshAllowed },
        // Memory is given back once a backlog is done.
        { every: 5 * SECOND, work: () => status.isIdle() && memory.rest() && store.shrink() },
        { every: 60 * SECOND, work: model.refresh },
        { every: 10 * SECOND, work: () => guarded(() => mendFuture() && keeper.changed()) },
        { every: 60 * SECOND, work: () => guarded(trim) },
        { every: 300 * SECOND, work: () => guarded(watchModel) },
      ],
      {
        signal,
        clock: () => performance.now(),
        nextAt: () => performance.now() + (store.blocks.nextExpiry() ?? Number.POSITIVE_INFINITY) - clock(),
      },
    )
  }

  /** Does what commands wrote down, and what time has brought. */
  async function takeUp(): Promise<void> {
    guarded(keeper.refreshAllowed)
    guarded(keeper.fitMode)
    guarded(keeper.lookAtBrake)
    await enforce(false)
  }

  function isVerifyDue(): boolean {
    const passed = performance.now() - verified.at
    // Where reading the kernel takes long, somebody who changes it all the time must not keep us at it.
    const pause = Math.min(3 * SECOND, Math.max(SECOND, 4 * verified.took))
    return watch?.isWatching() ? verified.changed && passed >= pause : passed >= VERIFY
  }

  async function verify(): Promise<void> {
    const at = performance.now()
    verified = { ...verified, at, changed: false }
    await enforce(true)
    verified.took = performance.now() - at
  }

  function trim(): void {
    store.allow.expire(clock())
    store.retention.trim(limitsOf(live.settings, clock()))
    // What deletes nothing takes the lock for writing too.
    guard.wrote()
    store.checkpoint()
  }

  async function refreshAllowed(): Promise<void> {
    if (!allowed.refresh()) return
    guarded(keeper.releaseAllowed)
    await enforce(false)
  }

  async function reload(settings: Settings): Promise<void> {
    await notify.reloading()
    live.settings = settings
    model.refresh()
    if (allowed.refresh()) guarded(keeper.releaseAllowed)
    keeper.changed()
    log.info('settings.reloaded', { mode: settings.mode })
    await enforce(true)
    await notify.ready(health.summary())
  }

  function followOptions(path: string): FollowOptions {
    return {
      from: store.positions.of(path),
      fromStart: parts.fromStart,
      createSplitter,
      now: clock,
      quietMillis: QUIET,
      graceMillis: 60 * SECOND,
      notice: (event, fields) => status.noticed(path, event, fields, log),
    }
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function isDatabase(error: unknown): boolean {
  return error instanceof Error && error.name === 'SqliteError'
}
