import type { Command } from 'commander'
import { createAllowed, neverBlocked } from '../allowed.ts'
import { parseDuration } from '../core/duration.ts'
import { addressKey, parseNetwork } from '../core/ip.ts'
import { printable } from '../core/printable.ts'
import type { Settings } from '../core/settings.ts'
import type { Millis } from '../core/types.ts'
import { protectedAddresses } from '../edge/protected-addresses.ts'
import type { Store } from '../edge/store/store.ts'
import { type Context, UsageError, withStore } from './context.ts'
import { iso, printJson, relative } from './output.ts'

type BlockOptions = { for?: string; reason?: string; json?: true }
type UnblockOptions = { all?: true; origin?: string; forgive?: true; json?: true }

export function registerBlock(program: Command, context: Context): void {
  program
    .command('block')
    .argument('<address...>', 'addresses or CIDRs')
    .description('block addresses; the running daemon applies it within a second')
    .option('--for <duration>', 'how long: 90s, 10m, 1h, 7d, or -1 for ever (default: the setting block_time)')
    .option('--reason <text>', 'a note for whoever reads it later')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', "\nExample:\n  modwarden block 203.0.113.7 --for 7d --reason 'scraper'")
    .action((addresses: string[], options: BlockOptions) => block(context, addresses, options))

  program
    .command('unblock')
    .argument('[address...]', 'addresses or CIDRs')
    .description('end blocks and start the window of their addresses anew')
    .option('--all', 'end every block')
    .option('--origin <name>', 'end every block that came from this imported list')
    .option('--forgive', 'forget their earlier blocks too: the next one lasts no longer than a first')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', '\nExample:\n  modwarden unblock 203.0.113.7')
    .action((addresses: string[], options: UnblockOptions) => unblock(context, addresses, options))
}

function block(context: Context, addresses: string[], options: BlockOptions): void {
  const settings = context.settings()
  const blockTime = options.for === undefined ? settings.blockTime : parseDuration(options.for)
  if (blockTime === undefined || blockTime <= 0)
    throw new UsageError(`--for: must be a duration such as 90s, 10m, 1h, 7d or -1, got '${options.for}'`)
  const ips = readAddresses(addresses, settings)
  const now = Date.now()
  withStore(context.writer(), store => {
    const { isAllowed } = createAllowed(() => neverBlocked(settings, store, now), protectedAddresses)
    const refused = ips.find(isAllowed)
    if (refused !== undefined)
      throw new Error(
        `${refused} is (or holds) an allowed address: the allowlist, a trusted proxy, this machine, its gateway, its DNS servers or a logged-in client; nothing was blocked`,
      )
    store.transaction(() => {
      for (const ip of ips) {
        // A manual block takes the place of the one that stands, so that its time and note hold.
        store.blocks.release(ip, now, 'replaced')
        store.blocks.add({
          ip,
          reason: 'manual',
          score: 0,
          threatCount: 0,
          blockedAt: now,
          expiresAt: now + blockTime,
          enforcement: settings.mode === 'observe' ? 'observed' : 'firewall',
          note: printable(options.reason ?? ''),
        })
      }
    })
  })
  const is = settings.mode === 'observe' ? 'is noted but, with mode = "observe", not' : 'is'
  const expiresAt = Number.isFinite(blockTime) ? now + blockTime : null
  if (options.json)
    printJson(
      ips.map(ip => ({ ip, reason: 'manual', blocked_at: iso(now), expires_at: iso(expiresAt), observed: settings.mode === 'observe' })),
    )
  else for (const ip of ips) process.stdout.write(`${ip} ${is} blocked, ends ${relative(expiresAt, now)}\n`)
}

function unblock(context: Context, addresses: string[], options: UnblockOptions): void {
  if ([options.all, options.origin, addresses[0]].filter(what => what !== undefined).length !== 1)
    throw new UsageError('name the addresses to unblock, or --origin, or --all, and only one of these')
  const settings = context.settings()
  const named = readAddresses(addresses, settings)
  const now = Date.now()
  const ended = withStore(context.writer(), store =>
    store.transaction(() =>
      release(store, addresses.length > 0 ? named : active(store, options.origin, now), { now, forgive: options.forgive === true }),
    ),
  )
  if (options.json) printJson(ended)
  else {
    for (const { ip, was_blocked } of ended)
      process.stdout.write(was_blocked ? `${ip} is no longer blocked\n` : `${ip} was not blocked; its window starts anew\n`)
    if (ended.length === 0) process.stdout.write('no address was blocked\n')
  }
}

function active(store: Store, origin: string | undefined, now: Millis): string[] {
  const blocks = store.blocks.allActive(now)
  return blocks.filter(row => origin === undefined || row.origin === origin).map(row => row.ip)
}

function release(store: Store, ips: readonly string[], { now, forgive }: { now: Millis; forgive: boolean }) {
  return ips.map(ip => {
    store.threats.forgive(ip)
    const wasBlocked = store.blocks.release(ip, now, 'manual')
    if (forgive) store.blocks.forgive(ip)
    return { ip, was_blocked: wasBlocked, forgiven: forgive }
  })
}

/** Reads addresses as they are counted: IPv6 by prefix unless a CIDR is named. All are read before anything is done. */
function readAddresses(texts: readonly string[], { ipv6Prefix }: Settings): string[] {
  const ips = texts.map(text => {
    const network = parseNetwork(text)
    if (!network.ok) throw new UsageError(network.problem)
    return network.value.includes('/') ? network.value : addressKey(network.value, ipv6Prefix)
  })
  return [...new Set(ips)]
}
