import { once } from 'node:events'
import type { Command } from 'commander'
import { parseDuration } from '../core/duration.ts'
import { addressKey, canonicalIp, parseNetwork } from '../core/ip.ts'
import type { Settings } from '../core/settings.ts'
import type { ShownEvent } from '../edge/store/events.ts'
import { type Context, UsageError } from './context.ts'
import { iso, jsonLine, printTable, relative } from './output.ts'

type Options = { ip?: string; since: string; minScore: string; limit: string; json?: true }

export function registerEvents(program: Command, context: Context): void {
  program
    .command('events')
    .description('what was seen, newest first')
    .option('--ip <address>', 'only of this address or IPv6 prefix')
    .option('--since <duration>', 'not older than', '24h')
    .option('--min-score <score>', 'only with this score or a higher one', '0')
    .option('--limit <number>', 'at most so many', '50')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', '\nExample:\n  modwarden events --min-score 5 --since 1h')
    .action((options: Options) => events(context, options))
}

async function events(context: Context, options: Options): Promise<void> {
  const since = parseDuration(options.since)
  if (since === undefined) throw new UsageError(`--since: must be a duration such as 90s, 10m, 1h or 7d, got '${options.since}'`)
  const filter = {
    since: Date.now() - since,
    minScore: numberOption('--min-score', options.minScore, 10),
    limit: Math.floor(numberOption('--limit', options.limit, 1e9)),
  }
  const ip = options.ip === undefined ? undefined : addressOption(options.ip)
  const store = context.reader()
  try {
    const found = store.events.recent({ ...filter, ip })
    if (options.json) await writeJson(found)
    else
      printTable(
        ['id', 'when', 'address', 'method', 'path', 'status', 'score', 'inline', 'waf', 'rules'],
        Array.from(found, row),
        'no events',
      )
  } finally {
    store.close()
  }
}

/** Waits for whoever reads, who may have seen enough: a million events are more than a gigabyte. */
async function writeJson(found: Iterable<ShownEvent>): Promise<void> {
  for (const event of found) if (!process.stdout.write(`${jsonLine(eventJson(event))}\n`)) await once(process.stdout, 'drain')
}

/** An event as `--json` shows it. */
export function eventJson(event: ShownEvent) {
  const { at, intercepted, threat, rules, false_positive, ...rest } = event
  return {
    ...rest,
    at: iso(at),
    rules: JSON.parse(rules) as string[],
    intercepted: intercepted === 1,
    threat: threat === 1,
    false_positive: false_positive === 1,
  }
}

/** Reads an address or prefix that a person typed. */
export function addressOption(text: string): string {
  const network = parseNetwork(text)
  if (!network.ok) throw new UsageError(network.problem)
  return network.value
}

/** The key under which an address is counted; a CIDR stays as it is. */
export function countedKey(address: string, { ipv6Prefix }: Settings): string {
  return canonicalIp(address) === undefined ? address : addressKey(address, ipv6Prefix)
}

function row(event: ShownEvent): string[] {
  const rules = JSON.parse(event.rules) as string[]
  return [
    String(event.id),
    relative(event.at, Date.now()),
    event.address,
    event.method ?? '-',
    event.path ?? '-',
    String(event.status ?? '-'),
    event.score.toFixed(2),
    event.logged_score?.toFixed(2) ?? '-',
    event.intercepted === 1 ? 'denied' : '-',
    rules.slice(0, 5).join(' ') + (rules.length > 5 ? ` +${rules.length - 5}` : ''),
  ]
}

function numberOption(name: string, text: string, most: number): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0 || value > most)
    throw new UsageError(`${name}: must be a number from 0 to ${most}, got '${text}'`)
  return value
}
