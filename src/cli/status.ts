import type { Command } from 'commander'
import { formatDuration } from '../core/duration.ts'
import { isOpening, MODE_TEXT, modesInUse } from '../core/inline-scoring.ts'
import type { Settings } from '../core/settings.ts'
import type { Millis } from '../core/types.ts'
import { type DaemonState, isRunning, readStatusFile, statusPath } from '../edge/status-file.ts'
import { hourOf } from '../edge/store/scores.ts'
import type { Store } from '../edge/store/store.ts'
import { modelHealth } from '../model-health.ts'
import { type Context, withStore } from './context.ts'
import { iso, printJson, relative } from './output.ts'

/** The daemon writes its state every 2 s; older than this it hangs or is gone. */
const FRESH: Millis = 15_000
/** The model is judged by the last day. */
const DAY: Millis = 86_400_000

export function registerStatus(program: Command, context: Context): void {
  program
    .command('status')
    .description('is it running, is anything behind or broken, what is blocked')
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  modwarden status --json | jq .firewall_in_step')
    .action((options: { json?: true }) => {
      const settings = context.settings()
      withStore(context.reader(), store => {
        const found = gather(store, settings, Date.now())
        if (options.json) printJson([found])
        else print(found, Date.now())
      })
    })
}

type Found = ReturnType<typeof gather>

function gather(store: Store, settings: Settings, now: Millis) {
  const state = readStatusFile(statusPath(settings.database))
  const isAlive = state !== undefined && isRunning(state)
  const totals = store.totals.all()
  const standing = store.blocks.allActive(now)
  const active = standing.filter(block => block.enforcement !== 'observed')
  const pending = active.filter(block => block.enforcement === 'firewall' && block.applied === 0).length
  return {
    running: isAlive,
    responding: isAlive && now - state.updated_at < FRESH,
    mode: state?.mode ?? settings.mode,
    started_at: isAlive ? iso(state.started_at) : null,
    pid: isAlive ? state.pid : null,
    version: state?.version ?? null,
    model: state?.model ?? null,
    firewall: state?.firewall ?? settings.firewall,
    firewall_backend: isAlive ? state.firewall_backend : null,
    firewall_in_step: isAlive && state.firewall_problem === undefined && state.mode === 'enforce' && pending === 0,
    firewall_problem: isAlive ? (state.firewall_problem ?? null) : null,
    database_problem: isAlive ? (state.database_problem ?? null) : null,
    brake: brakeOf(store),
    logs: logsOf(state, settings, store),
    inline_scoring: inlineOf(settings, store),
    last_entry_at: state === undefined ? null : iso(state.last_entry_at),
    entries_per_second: isAlive ? state.entries_per_second : 0,
    model_health: healthOf(store, settings, now),
    parsed: totals.parsed,
    skipped: totals.skipped,
    lost_bytes: totals.lostBytes,
    threats: totals.threats,
    threats_in_window: store.threats.countAllSince(now - settings.countWindow),
    active_blocks: active.length,
    pending_blocks: pending,
    max_blocks: settings.maxBlocks,
    evicted_blocks: totals.evicted,
    observed_blocks: standing.length - active.length,
    observe_reasons: settings.observeReasons,
    proxied_blocks: active.filter(block => block.enforcement === 'proxied').length,
  }
}

function brakeOf(store: Store) {
  const state = store.brake.state()
  return state.paused
    ? { paused_at: iso(state.at), addresses: state.blocked, clients: state.clients, usual: state.usual, model: state.model }
    : null
}

function logsOf(state: DaemonState | undefined, settings: Settings, store: Store) {
  return settings.auditLogs.map(path => {
    const known = state?.logs.find(log => log.path === path)
    const file = store.positions.of(path).find(position => !position.done)
    const lagSeconds = (known?.lag_bytes ?? 0) > 0 && state?.last_entry_at ? Math.round((state.updated_at - state.last_entry_at) / 1000) : 0
    return {
      path,
      inode: file === undefined ? null : Number(file.inode),
      offset: file?.offset ?? null,
      lag_bytes: known?.lag_bytes ?? null,
      lag_seconds: lagSeconds,
      problem: known?.problem ?? null,
      silence: known?.silence ?? null,
    }
  })
}

/** How the plugin of the web servers that write the logs decides, as far as they have told. */
function inlineOf(settings: Settings, store: Store) {
  return settings.auditLogs.flatMap(path => {
    const seen = store.inlineScoring.of(path)
    if (seen === undefined) return []
    const modes = modesInUse(seen).map(({ mode, seenAt }) => ({ mode, last_seen_at: iso(seenAt), can_let_through: isOpening(mode) }))
    return { log: path, modes, last_score_at: iso(seen.scoredAt ?? null) }
  })
}

function print(found: Found, now: Millis): void {
  const lines: [string, string][] = [
    ['daemon', daemonLine(found, now)],
    ['protection', protectionLine(found)],
    ...(found.brake === null ? [] : [['brake', brakeLine(found.brake)] satisfies [string, string]]),
    ['blocks', blocksLine(found)],
    ['threats', `${found.threats_in_window} in the window, ${found.threats} in all`],
    [
      'entries',
      `${found.parsed} read, ${found.skipped} unreadable, ${found.lost_bytes} bytes lost; ${found.entries_per_second}/s, last ${relativeIso(found.last_entry_at, now)}`,
    ],
    ...found.logs.map((log): [string, string] => [
      'log',
      `${log.path}: ${log.problem ?? (log.offset === null ? 'nothing read yet' : `at byte ${log.offset}, ${log.lag_bytes ?? 0} bytes behind`)}`,
    ]),
    ...found.inline_scoring.flatMap(inline => inlineLines(inline, now)),
    ['model', modelLine(found)],
  ]
  if (found.firewall_problem !== null) lines.push(['firewall', found.firewall_problem])
  if (found.database_problem !== null) lines.push(['database', found.database_problem])
  for (const [name, text] of lines) process.stdout.write(`${name.padEnd(11)} ${text}\n`)
}

function inlineLines({ modes, last_score_at }: Found['inline_scoring'][number], now: Millis): [string, string][] {
  const score = last_score_at === null ? 'no score yet' : `last score ${relativeIso(last_score_at, now)}`
  if (modes.length === 0) return [['inline', score]]
  return modes.map(({ mode, last_seen_at, can_let_through }) => [
    'inline',
    `mode ${mode} (seen ${relativeIso(last_seen_at, now)}): ${MODE_TEXT[mode]}${can_let_through ? '; WARNING: it can let through what the CRS would block' : ''}; ${score}`,
  ])
}

function modelLine({ model, model_health: health }: Found): string {
  if (model === null) return 'unknown until the daemon has run'
  return `${model}: ${health.model_status.replace('_', ' ')}, ${health.drifted ? health.drift : health.reason}`
}

function daemonLine({ running, responding, started_at, pid }: Found, now: Millis): string {
  if (!running) return 'not running; start it with systemctl start modwarden'
  const since = formatDuration(now - Date.parse(started_at ?? ''))
  return responding ? `running for ${since} (pid ${pid})` : `pid ${pid} runs but has not answered for ${FRESH / 1000} s`
}

function brakeLine({ paused_at, addresses, clients, usual }: NonNullable<Found['brake']>): string {
  return `automatic blocking is PAUSED since ${paused_at}: ${addresses} of ${clients} addresses within an hour for the model or the rules alone, usual are at most ${usual}; 'modwarden resume' goes on`
}

function blocksLine({ active_blocks, pending_blocks, proxied_blocks, observed_blocks, evicted_blocks, max_blocks }: Found): string {
  const pending = pending_blocks > 0 ? `, ${pending_blocks} not in the firewall` : ''
  const proxied = proxied_blocks > 0 ? `, ${proxied_blocks} behind a proxy (the scoring server refuses them)` : ''
  const observed = observed_blocks > 0 ? `; ${observed_blocks} only observed ('modwarden observed')` : ''
  const evicted = evicted_blocks > 0 ? `; ${evicted_blocks} made room (max_blocks ${max_blocks})` : ''
  return `${active_blocks} active${pending}${proxied}${observed}${evicted}`
}

function protectionLine(found: Found): string {
  if (found.mode === 'observe') return 'observing only: nothing is blocked (mode = "observe")'
  if (!found.running) return 'standing blocks stay in the firewall; nothing new is blocked'
  if (found.firewall_backend === 'dry-run' || found.firewall === 'dry-run') return 'dry run: nothing is blocked'
  const partly = found.observe_reasons.length > 0 ? `, only observing ${found.observe_reasons.join(', ')}` : ''
  return `enforcing${partly}; the firewall is ${found.firewall_in_step ? 'in step' : 'NOT in step'} (${found.firewall_backend})`
}

function healthOf(store: Store, settings: Settings, now: Millis) {
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

function relativeIso(at: string | null, now: Millis): string {
  return at === null ? 'none yet' : relative(Date.parse(at), now)
}
