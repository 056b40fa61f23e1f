import type { Command } from 'commander'
import { isOpening, modesInUse } from '../core/inline-scoring.ts'
import type { Settings } from '../core/settings.ts'
import { judgeProtection, type Protection } from '../core/status/protection.ts'
import type { InlineStatus, LogStatus, StatusFacts } from '../core/status/status.ts'
import { statusText } from '../core/status/text.ts'
import type { Millis } from '../core/types.ts'
import { isGone } from '../edge/log-size.ts'
import { type DaemonState, isRunning, readStatusFile, statusPath } from '../edge/status-file.ts'
import type { ShownBlock } from '../edge/store/blocks.ts'
import { hourOf } from '../edge/store/scores.ts'
import type { Store } from '../edge/store/store.ts'
import { modelHealth } from '../model-health.ts'
import { type Context, withStore } from './context.ts'
import { iso, printJson } from './output.ts'

/** The daemon writes its state every 2 s; older than this it hangs or is gone. */
const FRESH: Millis = 15_000
/** The model is judged by the last day. */
const DAY: Millis = 86_400_000
/** What monitoring expects of a check. */
const EXIT: Readonly<Record<Protection['protection'], number>> = { protected: 0, partly: 1, unprotected: 2 }

const HELP = `
Example:
  modwarden status --json | jq .firewall_in_step

Exit status: 0 when the status could be told, 1 when not (no database). With --check, as monitoring expects it: 0 protected, 1 partly, 2 NOT
protected; the first line says it in words.`

export function registerStatus(program: Command, context: Context): void {
  program
    .command('status')
    .description('am I protected right now, by what, is anything behind or broken')
    .option('--json', 'one JSON object')
    .option('--check', 'exit with 0 when protected, 1 when partly, 2 when not')
    .addHelpText('after', HELP)
    .action((options: { json?: true; check?: true }) => {
      const settings = context.settings()
      const now = Date.now()
      const facts = withStore(context.reader(), store => gather(store, settings, now))
      const found = { ...facts, ...judgeProtection(facts, now) }
      if (options.json) printJson([found])
      else for (const line of statusText(found, now)) process.stdout.write(`${line}\n`)
      if (options.check) process.exitCode = EXIT[found.protection]
    })
}

function gather(store: Store, settings: Settings, now: Millis): StatusFacts {
  const state = readStatusFile(statusPath(settings.database))
  const totals = store.totals.all()
  const standing = store.blocks.allActive(now)
  const active = standing.filter(block => block.enforcement !== 'observed')
  const pending = active.filter(block => block.enforcement === 'firewall' && block.applied === 0)
  return {
    ...daemonFacts(state, settings, pending, now),
    brake: brakeOf(store),
    logs: settings.auditLogs.map(path => logOf(path, { state, store, settings })),
    inline_scoring: settings.auditLogs.flatMap(path => inlineOf(path, store)),
    last_entry_at: iso(state?.last_entry_at ?? store.events.newestSeenAt() ?? null),
    model_health: healthOf(store, settings, now),
    parsed: totals.parsed,
    skipped: totals.skipped,
    lost_bytes: totals.lostBytes,
    threats: totals.threats,
    threats_in_window: store.threats.countAllSince(now - settings.countWindow),
    active_blocks: active.length,
    pending_blocks: pending.length,
    pending_since: pending.length === 0 ? null : iso(Math.min(...pending.map(block => block.blocked_at))),
    max_blocks: settings.maxBlocks,
    evicted_blocks: totals.evicted,
    observed_blocks: standing.length - active.length,
    observe_reasons: settings.observeReasons,
    proxied_blocks: active.filter(block => block.enforcement === 'proxied').length,
  }
}

/** What only the daemon knows; of one that is gone, its last word. */
function daemonFacts(state: DaemonState | undefined, settings: Settings, pending: readonly ShownBlock[], now: Millis) {
  const isAlive = state !== undefined && isRunning(state)
  return {
    running: isAlive,
    responding: isAlive && now - state.updated_at < FRESH,
    mode: state?.mode ?? settings.mode,
    settings_mode: settings.mode,
    settings_firewall: settings.firewall,
    started_at: isAlive ? iso(state.started_at) : null,
    stopped_at: iso(state?.stopped_at ?? null),
    alive_at: iso(state?.updated_at ?? null),
    sound_since: isAlive ? iso(state.sound_since ?? null) : null,
    pid: isAlive ? state.pid : null,
    version: state?.version ?? null,
    model: state?.model ?? null,
    firewall: state?.firewall ?? settings.firewall,
    firewall_backend: isAlive ? state.firewall_backend : null,
    firewall_in_step: isAlive && state.firewall_problem === undefined && state.mode === 'enforce' && pending.length === 0,
    firewall_problem: isAlive ? (state.firewall_problem ?? null) : null,
    database_problem: isAlive ? (state.database_problem ?? null) : null,
    denied_file_problem: isAlive ? (state.denied_file_problem ?? null) : null,
    entries_per_second: isAlive ? state.entries_per_second : 0,
  }
}

function brakeOf(store: Store): StatusFacts['brake'] {
  const state = store.brake.state()
  return state.paused
    ? { paused_at: iso(state.at), addresses: state.blocked, clients: state.clients, usual: state.usual, model: state.model }
    : null
}

function logOf(path: string, { state, store, settings }: { state: DaemonState | undefined; store: Store; settings: Settings }): LogStatus {
  const known = state?.logs.find(log => log.path === path)
  const file = store.positions.of(path).find(position => !position.done)
  const isAlive = state !== undefined && isRunning(state)
  const isBehind = state !== undefined && (known?.lag_bytes ?? 0) > 0 && known?.last_at !== undefined
  return {
    path,
    inode: file === undefined ? null : Number(file.inode),
    offset: file?.offset ?? null,
    lag_bytes: known?.lag_bytes ?? null,
    lag_seconds: isBehind ? Math.max(0, Math.round((state.updated_at - known.last_at!) / 1000)) : 0,
    late_seconds: isAlive && (known?.late ?? 0) > settings.blockTime ? Math.round(known!.late! / 1000) : 0,
    missing: isGone(path),
    problem: isAlive ? (known?.problem ?? null) : null,
    silence: !isAlive || known?.silence === undefined ? null : { ...known.silence, since: iso(known.silence.since) },
  }
}

/** How the plugin of the web servers that write a log decides, as far as they have told. */
function inlineOf(log: string, store: Store): InlineStatus[] {
  const seen = store.inlineScoring.of(log)
  if (seen === undefined) return []
  const modes = modesInUse(seen).map(({ mode, seenAt }) => ({ mode, last_seen_at: iso(seenAt), can_let_through: isOpening(mode) }))
  return [{ log, modes, last_score_at: iso(seen.scoredAt ?? null) }]
}

function healthOf(store: Store, settings: Settings, now: Millis): StatusFacts['model_health'] {
  const first = hourOf(now - DAY)
  const { status, reason, tally, drift } = modelHealth(store, settings, first, store.modelCounts.hours(first))
  return {
    model_status: status,
    reason,
    detections: tally.threats,
    high: tally.high,
    median: drift.median,
    drifted: drift.drifted,
    drift: drift.reason,
  }
}
