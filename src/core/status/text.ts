import { formatDuration } from '../duration.ts'
import { MODE_TEXT } from '../inline-scoring.ts'
import { printable } from '../printable.ts'
import type { Millis } from '../types.ts'
import { type Finding, formatBytes, type Protection, withoutPath } from './protection.ts'
import type { InlineStatus, LogStatus, StatusFacts } from './status.ts'

const WIDTH = 80
const LABEL = 12
const SIGN: Readonly<Record<Finding['level'], string>> = { broken: '!', weak: '!', note: '-' }

/** Writes the status for a terminal: the verdict, what is amiss with what to do, then one row a subject. Lines of at most 80 characters, but for a
 *  command to paste. */
export function statusText(status: StatusFacts & Protection, now: Millis): string[] {
  const findings = status.problems.flatMap(finding => findingLines(finding, status.verdict))
  const rows = rowsOf(status, now).flatMap(([name, text]) => wrapped(printable(text, 1000), LABEL, name))
  return [...wrapped(printable(status.verdict, 400), 0), ...findings, '', ...rows]
}

function findingLines({ level, problem, detail, remedy }: Finding, verdict: string): string[] {
  const head = verdict.endsWith(`: ${problem}`) ? [] : wrapped(printable(problem, 400), 2, SIGN[level])
  const body = detail === null ? [] : wrapped(printable(detail, 400), 2)
  return [...head, ...body, ...(remedy === null ? [] : [`  > ${printable(remedy, 300)}`])]
}

function rowsOf(status: StatusFacts, now: Millis): [string, string][] {
  return [
    ['daemon', daemonRow(status, now)],
    ['protection', protectionRow(status)],
    ['blocks', blocksRow(status)],
    ['threats', `${status.threats_in_window} in the window, ${status.threats} in all`],
    ['entries', entriesRow(status, now)],
    ...status.logs.map((log): [string, string] => ['log', logRow(log)]),
    ...status.inline_scoring.flatMap(inline => inlineRows(inline, now)),
    ['model', modelRow(status)],
  ]
}

function daemonRow({ running, started_at, pid, version }: StatusFacts, now: Millis): string {
  if (!running) return 'not running; start it with systemctl start modwarden'
  return `running for ${since(started_at, now)} (pid ${pid}, version ${version})`
}

function protectionRow({ mode, running, firewall_backend, firewall_in_step, observe_reasons }: StatusFacts): string {
  if (mode === 'observe') return 'observing only: nothing is blocked (mode = "observe")'
  if (!running) return 'standing blocks stay in the firewall; nothing new is blocked'
  if (firewall_backend === 'dry-run') return 'dry run: nothing is blocked'
  const partly = observe_reasons.length > 0 ? `, only observing ${observe_reasons.join(', ')}` : ''
  return `enforcing${partly}; the firewall is ${firewall_in_step ? 'in step' : 'NOT in step'} (${firewall_backend})`
}

function blocksRow({ active_blocks, pending_blocks, proxied_blocks, observed_blocks, evicted_blocks, max_blocks }: StatusFacts): string {
  const pending = pending_blocks > 0 ? `, ${pending_blocks} not in the firewall` : ''
  const proxied = proxied_blocks > 0 ? `, ${proxied_blocks} behind a proxy (the scoring server refuses them)` : ''
  const observed = observed_blocks > 0 ? `; ${observed_blocks} only observed ('modwarden observed')` : ''
  const evicted = evicted_blocks > 0 ? `; ${evicted_blocks} made room (max_blocks ${max_blocks})` : ''
  return `${active_blocks} active${pending}${proxied}${observed}${evicted}`
}

function entriesRow({ parsed, skipped, lost_bytes, entries_per_second, last_entry_at }: StatusFacts, now: Millis): string {
  const trouble = [...(skipped > 0 ? [`${skipped} unreadable`] : []), ...(lost_bytes > 0 ? [`${formatBytes(lost_bytes)} lost`] : [])]
  const last = last_entry_at === null ? 'none yet' : `last ${since(last_entry_at, now)} ago`
  return [`${parsed} read`, ...trouble, `${entries_per_second}/s`, last].join(', ')
}

function logRow({ path, problem, silence, offset, lag_bytes }: LogStatus): string {
  if (problem !== null) return `${path}: ${withoutPath(problem, path)}`
  const place =
    offset === null ? 'nothing read yet' : (lag_bytes ?? 0) > 0 ? `${formatBytes(lag_bytes!)} behind` : `read to its end, byte ${offset}`
  return `${path}: ${silence === null ? place : 'silent, see above'}`
}

function inlineRows({ modes, last_score_at }: InlineStatus, now: Millis): [string, string][] {
  const score = last_score_at === null ? 'no score yet' : `last score ${since(last_score_at, now)} ago`
  if (modes.length === 0) return [['inline', score]]
  return modes.map(({ mode, last_seen_at }, index) => [
    'inline',
    `mode ${mode} (seen ${since(last_seen_at, now)} ago): ${MODE_TEXT[mode]}${index === 0 ? `; ${score}` : ''}`,
  ])
}

function modelRow({ model, model_health: health }: StatusFacts): string {
  if (model === null) return 'unknown until the daemon has run'
  return `${model}: ${health.model_status.replace('_', ' ')}, ${health.drifted ? health.drift : health.reason}`
}

function since(at: string | null, now: Millis): string {
  return at === null ? 'unknown' : formatDuration(now - Date.parse(at))
}

/** Breaks text into lines of at most 80 characters behind a margin; `label` stands in the margin of the first. A word that is longer stays whole. */
function wrapped(text: string, margin: number, label = ''): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && margin + line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  lines.push(line)
  return lines.map((each, index) => `${(index === 0 ? label : '').padEnd(margin)}${each}`.trimEnd())
}
