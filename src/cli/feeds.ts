import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { createAllowed, neverBlocked } from '../allowed.ts'
import { createBlocker } from '../blocking.ts'
import { parseDuration } from '../core/duration.ts'
import { FEED_FORMATS, type FeedFormat, feedText } from '../core/feed.ts'
import { addressKey } from '../core/ip.ts'
import { printable } from '../core/printable.ts'
import type { Settings } from '../core/settings.ts'
import type { Millis } from '../core/types.ts'
import { type Feed, readFeed } from '../edge/feed-file.ts'
import { protectedAddresses } from '../edge/protected-addresses.ts'
import type { Store } from '../edge/store/store.ts'
import { type Context, UsageError, withStore } from './context.ts'
import { iso, printJson, relative } from './output.ts'
import { tellIfStopped } from './tell-stopped.ts'

type ExportOptions = { format: FeedFormat; jail: string }
type ImportOptions = { for?: string; origin?: string; json?: true }

/** So many rows are written at a time: the daemon must not wait for all of them. */
const AT_ONCE = 2000
const MOST_TOLD = 20

export function registerFeeds(program: Command, context: Context): void {
  program
    .command('export')
    .description('the active blocks in a format that others read')
    .addOption(
      new Option('--format <format>', 'plain list, nginx geo block, CrowdSec decisions, fail2ban commands')
        .choices(FEED_FORMATS)
        .default('plain'),
    )
    .option('--jail <name>', 'the jail of the fail2ban commands', 'modwarden')
    .addHelpText('after', '\nExample:\n  modwarden export --format crowdsec > decisions.json && cscli decisions import -i decisions.json')
    .action((options: ExportOptions) => exportBlocks(context, options))

  program
    .command('import')
    .argument('<file>', "a list of addresses and CIDRs, one a line, .gz too; '-' is stdin")
    .description('block the addresses of a list')
    .option('--for <duration>', 'how long: 1h, 7d, or -1 for ever (default: the setting block_time)')
    .option('--origin <name>', 'where it comes from (default: the name of the file); the same origin again renews its blocks')
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  modwarden import drop.txt --for 1d --origin spamhaus-drop')
    .action((file: string, options: ImportOptions) => importFeed(context, file, options))
}

function exportBlocks(context: Context, { format, jail }: ExportOptions): void {
  if (!/^[\w.-]{1,64}$/.test(jail)) throw new UsageError(`--jail: must be the name of a jail, got '${printable(jail, 80)}'`)
  const now = Date.now()
  const blocks = withStore(context.reader(), store => store.blocks.allActive(now).filter(block => block.enforcement !== 'observed'))
  process.stdout.write(feedText(blocks, format, { now, jail }))
}

async function importFeed(context: Context, file: string, options: ImportOptions): Promise<void> {
  const settings = context.settings()
  const length = options.for === undefined ? settings.blockTime : parseDuration(options.for)
  if (length === undefined || length <= 0)
    throw new UsageError(`--for: must be a duration such as 1h, 7d or -1, got '${printable(options.for ?? '', 80)}'`)
  const origin =
    options.origin ??
    (basename(file)
      .replace(/[^\w.-]/g, '_')
      .slice(0, 64) ||
      'import')
  if (!/^[\w.-]{1,64}$/.test(origin))
    throw new UsageError(`--origin: must be a name of letters, digits, dots and dashes, got '${printable(origin, 80)}'`)
  const feed = await readFeed(file)
  const now = Date.now()
  const { imported, standing, refused } = withStore(context.writer(), store =>
    write(store, feed, { settings, origin, now, expiresAt: now + length }),
  )
  const problems = [...feed.problems, ...refused]
  const ends = Number.isFinite(length) ? now + length : null
  if (options.json)
    printJson([
      { origin, imported, already_blocked: standing, refused: problems.length, expires_at: iso(ends), problems: problems.slice(0, 1000) },
    ])
  else
    process.stdout.write(`${imported} addresses of ${origin} are blocked, ends ${relative(ends, now)}; ${standing} were blocked already\n`)
  tellProblems(file, problems)
  tellIfStopped(settings)
}

type Writing = { settings: Settings; origin: string; now: Millis; expiresAt: Millis }
type Refused = { line?: number; problem: string }

function write(store: Store, { networks }: Feed, { settings, origin, now, expiresAt }: Writing) {
  const { isAllowed } = createAllowed(() => neverBlocked(settings, store, now), protectedAddresses)
  const ips = [...new Set(networks.map(network => (network.includes('/') ? network : addressKey(network, settings.ipv6Prefix))))]
  const refused: Refused[] = ips.filter(isAllowed).map(ip => ({ problem: `${ip} is (or holds) an allowed address; it is never blocked` }))
  const wanted = ips.filter(ip => !isAllowed(ip))
  const enforcement = settings.mode === 'observe' ? ('observed' as const) : ('firewall' as const)
  let imported = 0
  for (let from = 0; from < wanted.length; from += AT_ONCE) {
    store.transaction(() => {
      const blocker = createBlocker(store, { settings, isAllowed })
      for (const ip of wanted.slice(from, from + AT_ONCE)) {
        const standing = store.blocks.active(ip, now)
        // Whoever is blocked for another reason stays so; the same origin renews its own.
        if (standing !== undefined && standing.origin !== origin) continue
        blocker.put({
          ip,
          reason: 'imported',
          score: 0,
          threatCount: 0,
          blockedAt: now,
          expiresAt,
          origin,
          enforcement,
          step: 1,
          rules: [],
        })
        imported++
      }
      blocker.finish()
    })
  }
  return { imported, standing: wanted.length - imported, refused }
}

/** Says aloud what was refused; a list with mistakes ends with status 1. */
function tellProblems(file: string, problems: readonly Refused[]): void {
  if (problems.length === 0) return
  process.exitCode = 1
  const place = (line: number | undefined) => (line === undefined ? '' : `line ${line} `)
  for (const { line, problem } of problems.slice(0, MOST_TOLD))
    process.stderr.write(`modwarden: ${printable(file)}: ${place(line)}${printable(problem)}\n`)
  if (problems.length > MOST_TOLD) process.stderr.write(`modwarden: ${printable(file)}: ${problems.length - MOST_TOLD} more were refused\n`)
}
