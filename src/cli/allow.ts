import type { Command } from 'commander'
import { createAllowed } from '../allowed.ts'
import { parseDuration } from '../core/duration.ts'
import { createCover, parseNetwork } from '../core/ip.ts'
import { printable } from '../core/printable.ts'
import { allowLine, disallowedLine } from '../core/standing-lines.ts'
import type { Millis } from '../core/types.ts'
import { addToStanding } from '../edge/standing-file.ts'
import type { AllowRow } from '../edge/store/allow.ts'
import { type Context, UsageError, withStore } from './context.ts'
import { iso, printJson, printTable, relative } from './output.ts'
import { tellIfStopped } from './tell-stopped.ts'

type Options = { for?: string; reason?: string; list?: true; remove?: true; json?: true }

export function registerAllow(program: Command, context: Context): void {
  program
    .command('allow')
    .argument('[address...]', 'addresses or CIDRs')
    .description('never count or block addresses; the running daemon lifts their blocks within a second')
    .option('--for <duration>', 'how long: 10m, 1h, 30d, or -1 for ever (default)')
    .option('--reason <text>', 'a note for whoever reads it later')
    .option('--list', 'what is allowed now')
    .option('--remove', 'allow them no longer')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', "\nExample:\n  modwarden allow 203.0.113.7 198.51.100.0/24 --for 30d --reason 'penetration test'")
    .action((addresses: string[], options: Options) => allow(context, addresses, options))
}

function allow(context: Context, addresses: readonly string[], options: Options): void {
  const { list, remove } = options
  if (list && (remove || addresses.length > 0)) throw new UsageError('--list stands alone: name addresses or --list, not both')
  if (!list && addresses.length === 0) throw new UsageError('name the addresses to allow, or --list')
  const networks = [...new Set(addresses.map(readNetwork))]
  if (list) show(context, options)
  else {
    if (remove) end(context, networks, options)
    else add(context, networks, options)
    tellIfStopped(context.settings())
  }
}

function add(context: Context, networks: readonly string[], options: Options): void {
  const length = options.for === undefined ? Number.POSITIVE_INFINITY : parseDuration(options.for)
  if (length === undefined || length <= 0)
    throw new UsageError(`--for: must be a duration such as 10m, 1h, 30d or -1, got '${options.for}'`)
  const addedAt = Date.now()
  const expiresAt = addedAt + length
  const reason = printable(options.reason ?? '')
  const blocked = withStore(context.writer(), store =>
    store.transaction(() => {
      for (const network of networks) store.allow.add({ network, reason, addedAt, expiresAt })
      return store.blocks.allActive(addedAt).map(block => block.ip)
    }),
  )
  addToStanding(
    context.settings().database,
    networks.map(network => allowLine({ network, reason, addedAt, expiresAt })),
  )
  // A wider block stays; what is allowed in it passes.
  const cover = createCover(networks)
  const lifted = blocked.filter(ip => cover(ip) !== undefined)
  const within = createCover(blocked.filter(ip => ip.includes('/') && !lifted.includes(ip)))
  const ends = Number.isFinite(expiresAt) ? expiresAt : null
  if (options.json) {
    printJson(
      networks.map(network => ({
        ...allowJson({ network, reason, added_at: addedAt, expires_at: ends }),
        lifted: lifted.filter(ip => createCover([network])(ip) !== undefined),
        passes_in: within(network) ?? null,
      })),
    )
    return
  }
  for (const network of networks) {
    const wider = within(network)
    const but = wider === undefined ? '' : `; it passes, although ${wider} is blocked`
    process.stdout.write(`${network} is allowed, ends ${relative(ends, addedAt)}${but}\n`)
  }
  for (const ip of lifted) process.stdout.write(`the block of ${ip} is lifted\n`)
}

function end(context: Context, networks: readonly string[], { json }: Options): void {
  const settings = context.settings()
  const ended = withStore(context.writer(), store =>
    store.transaction(() => networks.map(network => ({ network, was_allowed: store.allow.remove(network) }))),
  )
  addToStanding(settings.database, networks.map(disallowedLine))
  const { isAllowed } = createAllowed(
    () => settings.allowlist,
    () => [],
  )
  if (json) printJson(ended)
  else
    for (const { network, was_allowed } of ended) {
      const still = isAllowed(network) ? '; the setting allowlist still allows it' : ''
      process.stdout.write(`${network} ${was_allowed ? 'is no longer allowed here' : "was not allowed by 'modwarden allow'"}${still}\n`)
    }
}

function show(context: Context, { json }: Options): void {
  const { allowlist } = context.settings()
  const now = Date.now()
  const rows = withStore(context.reader(), store => store.allow.standing(now))
  if (json)
    printJson([
      ...allowlist.map(network => ({ network, reason: 'setting allowlist', added_at: null, expires_at: null })),
      ...rows.map(allowJson),
    ])
  else
    printTable(
      ['network', 'added', 'ends', 'reason'],
      [...allowlist.map(network => [network, '', 'never', 'setting allowlist']), ...rows.map(row => cells(row, now))],
      "nothing is allowed but this machine's own surroundings",
    )
}

function cells({ network, added_at, expires_at, reason }: AllowRow, now: Millis): string[] {
  return [network, relative(added_at, now), relative(expires_at, now), reason]
}

function allowJson({ network, reason, added_at, expires_at }: AllowRow) {
  return { network, reason, added_at: iso(added_at), expires_at: iso(expires_at) }
}

function readNetwork(text: string): string {
  const network = parseNetwork(text)
  if (!network.ok) throw new UsageError(network.problem)
  return network.value
}
