import type { Command } from 'commander'
import { parseDuration } from '../core/duration.ts'
import type { Settings } from '../core/settings.ts'
import type { Store } from '../edge/store/store.ts'
import { type Context, UsageError, withStore } from './context.ts'
import { iso, printJson, relative, tableText } from './output.ts'

const MOST_ADDRESSES = 20

export function registerObserved(program: Command, context: Context): void {
  program
    .command('observed')
    .description('what would have been blocked had it not only been observed, by day, and how to go on')
    .option('--since <duration>', 'not older than', '7d')
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  modwarden observed --since 14d')
    .action((options: { since: string; json?: true }) => {
      const span = parseDuration(options.since)
      if (span === undefined) throw new UsageError(`--since: must be a duration such as 24h, 7d or 2w, got '${options.since}'`)
      const settings = context.settings()
      const found = withStore(context.reader(), store => gather(store, settings, Date.now() - span))
      if (options.json) printJson([found])
      else process.stdout.write(observedText(found))
    })
}

type Found = ReturnType<typeof gather>

function gather(store: Store, { mode, observeReasons, threatScore }: Settings, since: number) {
  const query = { since: Number.isFinite(since) ? Math.floor(since) : 0, threatScore }
  const reasons = store.observed.reasons(query.since)
  const ofDay = (day: string) => Object.fromEntries(reasons.filter(row => row.day === day).map(row => [row.reason, row.blocks]))
  return {
    mode,
    observe_reasons: observeReasons,
    days: store.observed.days(query).map(day => ({ ...day, reasons: ofDay(day.day) })),
    addresses: store.observed.addresses({ ...query, limit: MOST_ADDRESSES }).map(({ reasons, last_observed_at, ...row }) => ({
      ...row,
      reasons: reasons.split(','),
      last_observed_at: iso(last_observed_at),
    })),
  }
}

function observedText({ mode, observe_reasons, days, addresses }: Found): string {
  const now = Date.now()
  const state =
    mode === 'observe' ? 'mode = "observe": nothing is blocked' : `enforcing, only observing ${observe_reasons.join(', ') || 'nothing'}`
  if (days.length === 0) return `${state}\nno address would have been blocked\n`
  const dayRows = days.map(day => [
    day.day,
    ...[day.addresses, day.blocks].map(String),
    Object.entries(day.reasons)
      .map(([reason, blocks]) => `${reason} ${blocks}`)
      .join(', '),
    ...[day.requests, day.clean_requests].map(String),
  ])
  const addressRows = addresses.map(row => [
    row.ip,
    row.reasons.join(', '),
    relative(Date.parse(row.last_observed_at!), now),
    ...[row.blocks, row.requests, row.clean_requests].map(String),
  ])
  const lines = [
    state,
    '',
    'would have been blocked, by day (UTC):',
    ...tableText(['day', 'addresses', 'blocks', 'reasons', 'their requests', 'clean'], dayRows),
    '',
    'those with the most clean requests first: they may be customers',
    ...tableText(['address', 'reasons', 'last', 'blocks', 'requests', 'clean'], addressRows),
    '',
    ...nextSteps(mode),
  ]
  return `${lines.join('\n')}\n`
}

function nextSteps(mode: Settings['mode']): string[] {
  return [
    'how to go on:',
    "  modwarden explain ADDRESS                why it would have been blocked; 'modwarden allow ADDRESS' if it must not be",
    ...(mode === 'observe'
      ? [
          '  mode = "enforce" in the settings, then systemctl restart modwarden (the package\'s conf.d/00-first.toml says "observe": delete it)',
          '  observe_reasons = ["repeated", "too-many"] beside it goes on observing these and enforces the rest',
        ]
      : ['  take a reason out of observe_reasons, then systemctl reload modwarden, and it is enforced from then on']),
  ]
}
