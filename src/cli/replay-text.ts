import type { WouldBlock } from '../edge/store/scratch.ts'
import type { ReplayResult } from '../replay.ts'
import { iso, tableText } from './output.ts'
import type { ReplayOptions } from './replay.ts'

type Found = {
  files: readonly string[]
  seconds: number
  result: ReplayResult
  compared: ReplayResult | undefined
  options: ReplayOptions
}

/** More addresses than this are only counted on a terminal; `--json` has all. */
const MOST_ROWS = 50

/** What a replay found, as `--json` shows it. */
export function replayJson({ files, seconds, result, compared, options }: Found) {
  return {
    files,
    seconds: Math.round(seconds * 1000) / 1000,
    entries_per_second: rate(result, seconds),
    ...resultJson(result),
    set: options.set ?? [],
    ...(compared === undefined
      ? {}
      : { compare: { ...resultJson(compared), set: options.compareSet ?? [], ...differenceJson(result, compared) } }),
  }
}

/** What a replay found, for a terminal. */
export function replayText({ files, seconds, result, compared }: Found): string {
  const { parsed, skipped, from, to } = result
  const lines = [
    `${files.length === 1 ? '1 file' : `${files.length} files`}, ${parsed} entries read, ${skipped} unreadable, ${rate(result, seconds)}/s`,
    from === null ? 'no event' : `events from ${iso(from)} to ${iso(to)} of ${result.clients} addresses`,
    '',
    ...summary(`with model ${result.model}`, result),
    ...list(result.blocked, 'no address would be blocked'),
  ]
  if (compared === undefined) return `${lines.join('\n')}\n`
  const { fresh, gone } = difference(result, compared)
  const more = [
    '',
    ...summary(`compared, with model ${compared.model}`, compared),
    '',
    `new: ${fresh.length} addresses with ${clean(fresh)} clean requests`,
    ...list(fresh),
    `gone: ${gone.length} addresses with ${clean(gone)} clean requests`,
    ...list(gone),
  ]
  return `${[...lines, ...more].join('\n')}\n`
}

function summary(name: string, result: ReplayResult): string[] {
  const reasons = Object.entries(result.reasons).map(([reason, blocks]) => `${reason} ${blocks}`)
  return [
    `${name}: ${result.addresses} addresses would be blocked, ${result.blocks} times${reasons.length > 0 ? ` (${reasons.join(', ')})` : ''}`,
    `  ${result.dropped} of their requests would not have come through, ${result.clean_dropped} of these clean`,
    `  ${result.clean_requests} clean requests in all from blocked addresses: look at those first, they may be customers`,
  ]
}

function list(blocked: readonly WouldBlock[], empty?: string): string[] {
  if (blocked.length === 0) return empty === undefined ? [] : [`  ${empty}`]
  // Who made the most clean requests is most likely blocked by mistake.
  const rows = [...blocked].sort((a, b) => b.clean_requests - a.clean_requests || a.blocked_at - b.blocked_at).slice(0, MOST_ROWS)
  const names = ['address', 'first blocked', 'reason', 'score', 'threats', 'blocks', 'requests', 'dropped', 'clean', 'clean dropped']
  const cells = rows.map(row => [
    row.ip,
    iso(row.blocked_at)!.slice(0, 19),
    row.reason,
    row.score.toFixed(1),
    ...[row.threat_count, row.blocks, row.requests, row.dropped, row.clean_requests, row.clean_dropped].map(String),
  ])
  const left = blocked.length - rows.length
  return [...tableText(names, cells), ...(left > 0 ? [`and ${left} more; --json has all`] : [])]
}

function resultJson({ from, to, blocked, ...counts }: ReplayResult) {
  return { from: iso(from), to: iso(to), ...counts, blocked: blocked.map(rowJson) }
}

function differenceJson(result: ReplayResult, compared: ReplayResult) {
  const { fresh, gone } = difference(result, compared)
  return { new: fresh.map(rowJson), gone: gone.map(rowJson), new_clean_requests: clean(fresh), gone_clean_requests: clean(gone) }
}

function rowJson({ rules, blocked_at, expires_at, last_blocked_at, ...rest }: WouldBlock) {
  return {
    ...rest,
    rules: JSON.parse(rules) as string[],
    blocked_at: iso(blocked_at),
    expires_at: iso(expires_at),
    last_blocked_at: iso(last_blocked_at),
  }
}

function difference(result: ReplayResult, compared: ReplayResult): { fresh: WouldBlock[]; gone: WouldBlock[] } {
  const before = new Set(result.blocked.map(row => row.ip))
  const after = new Set(compared.blocked.map(row => row.ip))
  return { fresh: compared.blocked.filter(row => !before.has(row.ip)), gone: result.blocked.filter(row => !after.has(row.ip)) }
}

function clean(rows: readonly WouldBlock[]): number {
  return rows.reduce((sum, row) => sum + row.clean_requests, 0)
}

function rate({ parsed, skipped }: ReplayResult, seconds: number): number {
  return Math.round((parsed + skipped) / Math.max(seconds, 0.001))
}
