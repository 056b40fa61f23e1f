import { formatDuration } from '../duration.ts'
import type { Millis } from '../types.ts'
import type { LogStatus, StatusFacts } from './status.ts'

/** `broken`: new attackers are not blocked; `weak`: some are not, or later; `note`: they are, but somebody should know. */
export type Level = 'broken' | 'weak' | 'note'

/** What is amiss, in a few words; what is known of it; what to do, as a command to paste. */
export type Finding = { level: Level; problem: string; detail: string | null; remedy: string | null }

export type Protection = {
  protection: 'protected' | 'partly' | 'unprotected'
  /** One line that says it. */
  verdict: string
  protected_since: string | null
  /** What is broken first. */
  problems: Finding[]
}

/** A block goes into the firewall within a second; one that waits longer than this waits for something. */
const PATIENCE: Millis = 10_000
/** A log is behind from so many seconds on. */
const BEHIND = 60
/** For so long after the start nobody wonders that no entry came yet. */
const FIRST_ENTRY: Millis = 600_000
const WHY = 'journalctl -u modwarden -p warning -o cat -n 20'
const REASONS = 3

/** Says whether attackers are blocked right now, and what is amiss, from what is known. */
export function judgeProtection(facts: StatusFacts, now: Millis): Protection {
  const problems = [...daemonFindings(facts, now), ...(facts.responding ? workFindings(facts, now) : []), ...notes(facts)]
  const order: Level[] = ['broken', 'weak', 'note']
  problems.sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level))
  const worst = problems[0]?.level
  const protection = worst === 'broken' ? 'unprotected' : worst === 'weak' ? 'partly' : 'protected'
  return {
    protection,
    verdict: verdictOf(protection, facts, problems, now),
    protected_since: protection === 'protected' ? facts.sound_since : null,
    problems,
  }
}

function verdictOf(protection: Protection['protection'], facts: StatusFacts, problems: readonly Finding[], now: Millis): string {
  if (protection === 'unprotected') return `NOT protected: ${problems[0]!.problem}`
  if (protection === 'partly') return `Partly protected: ${problems[0]!.problem}`
  return `Protected for ${since(facts.sound_since, now)}: ${droppedText(facts)}`
}

function droppedText({ active_blocks, proxied_blocks, firewall_backend }: StatusFacts): string {
  const dropped = active_blocks - proxied_blocks
  const refused = proxied_blocks === 0 ? '' : ` and ${proxied_blocks} refused behind a proxy`
  if (active_blocks === 0) return `no address is blocked right now (${firewall_backend})`
  return `${dropped} ${dropped === 1 ? 'address' : 'addresses'} dropped by ${firewall_backend}${refused}`
}

/** Whether the daemon is there and may act at all. */
function daemonFindings(facts: StatusFacts, now: Millis): Finding[] {
  const { active_blocks: active } = facts
  const kept =
    active === 0
      ? null
      : `${active} standing ${active === 1 ? 'block stays' : 'blocks stay'} in the firewall until they end; nobody new is blocked`
  if (!facts.running) return [notRunning(facts, kept, now)]
  if (!facts.responding)
    return [
      broken(`the daemon hangs (pid ${facts.pid}): no sign of life for ${since(facts.alive_at, now)}`, kept, 'systemctl restart modwarden'),
    ]
  if (facts.firewall_backend === 'dry-run' && facts.mode === 'enforce') {
    const remedy =
      facts.settings_firewall === 'dry-run'
        ? 'set firewall = "auto" in the settings, then: systemctl restart modwarden'
        : 'systemctl start modwarden'
    return [broken('dry run: the firewall is not touched', null, remedy)]
  }
  if (facts.mode === 'observe') {
    const detail = `${facts.observed_blocks} ${facts.observed_blocks === 1 ? 'address' : 'addresses'} would be blocked right now`
    return facts.settings_mode === 'enforce'
      ? [broken('only observing, although the settings say mode = "enforce"', detail, 'systemctl restart modwarden')]
      : [broken('only observing (mode = "observe")', detail, 'modwarden observed   # who would be blocked, and how to go on')]
  }
  return []
}

function notRunning({ stopped_at, alive_at }: StatusFacts, kept: string | null, now: Millis): Finding {
  if (alive_at === null) return broken('the daemon has not run yet', kept, 'systemctl enable --now modwarden')
  if (stopped_at !== null) return broken(`the daemon was stopped ${since(stopped_at, now)} ago`, kept, 'systemctl start modwarden')
  return broken(`the daemon died ${since(alive_at, now)} ago`, kept, `systemctl restart modwarden; ${WHY}`)
}

/** Whether what comes is read, judged and enforced. */
function workFindings(facts: StatusFacts, now: Millis): Finding[] {
  const { firewall_problem, database_problem, denied_file_problem, brake, pending_blocks: pending, pending_since } = facts
  const found: Finding[] = []
  if (database_problem !== null) found.push(broken('the database takes nothing, and the log waits for it', database_problem, WHY))
  if (firewall_problem !== null)
    found.push(
      broken(
        'the firewall takes no changes',
        `${pending} ${pending === 1 ? 'block is' : 'blocks are'} not in it: ${firewall_problem}`,
        WHY,
      ),
    )
  else if (facts.mode === 'enforce' && pending > 0 && pending_since !== null && now - Date.parse(pending_since) > PATIENCE)
    found.push(
      weak(`${pending} ${pending === 1 ? 'block waits' : 'blocks wait'} for the firewall for ${since(pending_since, now)}`, null, WHY),
    )
  if (brake !== null)
    found.push(
      weak(
        `automatic blocking is PAUSED for ${since(brake.paused_at, now)} (the brake)`,
        `within an hour the model or the rules alone would have blocked ${brake.addresses} of ${brake.clients} addresses, usual are at most ${brake.usual}; what both agree on is still blocked`,
        'modwarden blocks; then, if all is right: modwarden resume',
      ),
    )
  found.push(...facts.logs.flatMap(log => logFindings(log, facts)))
  if (denied_file_problem !== null) found.push(weak('who is blocked behind a proxy is not refused', denied_file_problem, WHY))
  if (facts.observe_reasons.length > 0) found.push(observedReasons(facts.observe_reasons))
  if (
    facts.last_entry_at === null &&
    facts.logs.every(log => log.problem === null) &&
    now - Date.parse(facts.started_at ?? '') > FIRST_ENTRY
  )
    found.push(weak('no entry has come out of the log yet', null, 'modwarden doctor'))
  return found
}

function logFindings(
  { path, problem, silence, missing, offset, lag_bytes, lag_seconds, late_seconds }: LogStatus,
  { logs }: StatusFacts,
): Finding[] {
  // As long as another log is read, attackers are seen there.
  const isOnly = logs.every(isUnread)
  const level = isOnly ? broken : weak
  if (problem === null && missing && offset === null) return [level(`${path} is not there yet`, null, 'modwarden doctor')]
  if (problem !== null) return [level(`${path} is not followed`, withoutPath(problem, path), 'modwarden doctor')]
  if (silence !== null && silence.why === 'no-event') return [level(`${path} cannot be read any more`, silence.problem, silence.remedy)]
  if (late_seconds > 0)
    return [
      (logs.length === 1 ? broken : weak)(
        `nothing in ${path} starts a block: its times are ${formatDuration(late_seconds * 1000)} behind the clock`,
        'an event older than block_time starts none; the web server may run in another time zone',
        'modwarden doctor',
      ),
    ]
  if (silence !== null)
    return [weak(`${path}: ${silence.why === 'no-entry' ? 'no entry comes' : 'its entries have changed'}`, silence.problem, silence.remedy)]
  if (missing)
    return [
      weak(
        `${path} is not there any more`,
        'it was renamed or deleted; what the web server still writes to it is read, but not after a restart of either',
        'systemctl reload apache2   # or nginx: it then writes to a new one',
      ),
    ]
  if ((lag_bytes ?? 0) > 0 && lag_seconds >= BEHIND)
    return [weak(`${formatDuration(lag_seconds * 1000)} behind: ${formatBytes(lag_bytes!)} of ${path} are still to be read`, null, null)]
  return []
}

function isUnread({ problem, silence, missing, offset }: LogStatus): boolean {
  return problem !== null || silence?.why === 'no-event' || (missing && offset === null)
}

function observedReasons(reasons: readonly string[]): Finding {
  const all = reasons.length >= REASONS
  const text = all ? 'nothing is blocked by itself: every reason is only observed' : `only observing ${reasons.join(', ')}`
  return (all ? broken : weak)(text, 'observe_reasons in the settings', 'modwarden observed')
}

/** What is worth knowing while attackers are blocked. */
function notes({ model_health, model, evicted_blocks, active_blocks, max_blocks, inline_scoring }: StatusFacts): Finding[] {
  const found: Finding[] = []
  for (const { log, modes } of inline_scoring)
    for (const { mode } of modes.filter(({ can_let_through }) => can_let_through))
      found.push(
        note(`the plugin runs in mode ${mode}: it can let through what the CRS would block`, inline_scoring.length > 1 ? log : null, null),
      )
  if (model !== null && (model_health.model_status !== 'normal' || model_health.drifted))
    found.push(
      note('the model does not fit the traffic', model_health.drifted ? model_health.drift : model_health.reason, 'modwarden report'),
    )
  if (evicted_blocks > 0 && active_blocks >= max_blocks)
    found.push(note(`there are as many blocks as max_blocks (${max_blocks}): older ones make room`, null, null))
  return found
}

function broken(problem: string, detail: string | null, remedy: string | null): Finding {
  return { level: 'broken', problem, detail, remedy }
}

function weak(problem: string, detail: string | null, remedy: string | null): Finding {
  return { level: 'weak', problem, detail, remedy }
}

function note(problem: string, detail: string | null, remedy: string | null): Finding {
  return { level: 'note', problem, detail, remedy }
}

function since(at: string | null, now: Millis): string {
  return at === null ? 'an unknown time' : formatDuration(now - Date.parse(at))
}

/** Says what is wrong with a log without naming it again. */
export function withoutPath(problem: string, path: string): string {
  return problem.startsWith(`${path}: `) ? problem.slice(path.length + 2) : problem
}

/** `512 B`, `3 KiB`, `12.4 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  if (bytes < 1024 ** 2) return `${Math.round(bytes / 1024)} KiB`
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}
