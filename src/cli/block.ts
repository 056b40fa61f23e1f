import type { Command } from 'commander'
import { createAllowed, neverBlocked } from '../allowed.ts'
import { createBlocker } from '../blocking.ts'
import { tooWide, widerNetworks } from '../core/bounds.ts'
import { parseDuration } from '../core/duration.ts'
import { addressKey, parseNetwork } from '../core/ip.ts'
import { printable } from '../core/printable.ts'
import type { Settings } from '../core/settings.ts'
import { blockLine, unblockedLine } from '../core/standing-lines.ts'
import type { Millis } from '../core/types.ts'
import { networksInside } from '../core/wanted.ts'
import { protectedAddresses } from '../edge/protected-addresses.ts'
import { addToStanding } from '../edge/standing-file.ts'
import type { Store } from '../edge/store/store.ts'
import { type Context, UsageError, withStore } from './context.ts'
import { iso, printJson, relative } from './output.ts'
import { tellIfStopped } from './tell-stopped.ts'

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
  const wide = ips.flatMap(ip => tooWide(ip) ?? [])[0]
  if (wide !== undefined) throw new Error(`${wide}; nothing was blocked`)
  const now = Date.now()
  const note = printable(options.reason ?? '')
  const enforcement = settings.mode === 'observe' ? 'observed' : 'firewall'
  const common = { reason: 'manual', score: 0, threatCount: 0, blockedAt: now, expiresAt: now + blockTime, rules: [], step: 1 } as const
  const networks = withStore(context.writer(), store => {
    const allowed = createAllowed(() => neverBlocked(settings, store, now), protectedAddresses)
    const refused = ips.find(allowed.isWhollyAllowed)
    if (refused !== undefined) throw new Error(`${refused} is allowed: ${WHAT_ALLOWS}; nothing was blocked`)
    store.transaction(() => {
      const blocker = createBlocker(store, { settings, isAllowed: allowed.isAllowed })
      // A manual block takes the place of the one that stands, so that its time and note hold.
      for (const ip of ips) blocker.put({ ...common, ip, enforcement, note })
      blocker.finish()
    })
    return allowed.networks()
  })
  addToStanding(
    settings.database,
    ips.map(ip => blockLine({ ...common, ip, enforcement, note, origin: '', isCorroborated: false })),
  )
  const is = settings.mode === 'observe' ? 'is noted but, with mode = "observe", not' : 'is'
  const expiresAt = Number.isFinite(blockTime) ? now + blockTime : null
  const blocked = ips.map(ip => ({ ip, passes: networksInside(networks, [ip]) }))
  if (options.json) {
    const common = { reason: 'manual', blocked_at: iso(now), expires_at: iso(expiresAt), observed: settings.mode === 'observe' }
    printJson(blocked.map(({ ip, passes }) => ({ ip, ...common, passes })))
  } else
    for (const { ip, passes } of blocked) {
      const but =
        passes.length === 0 ? '' : `; allowed in it, and passing: ${passes.slice(0, 10).join(', ')}${passes.length > 10 ? ' …' : ''}`
      process.stdout.write(`${ip} ${is} blocked, ends ${relative(expiresAt, now)}${but}\n`)
    }
  tellIfStopped(settings)
}

const WHAT_ALLOWS = 'by the allowlist, or as a trusted proxy, this machine, its gateway, its DNS servers or a logged-in client'

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
  addToStanding(
    settings.database,
    ended.map(({ ip }) => unblockedLine(ip)),
  )
  if (options.json) printJson(ended)
  else {
    for (const found of ended) process.stdout.write(`${unblockedText(found)}\n`)
    if (ended.length === 0) process.stdout.write('no address was blocked\n')
  }
  if (ended.length > 0) tellIfStopped(settings)
}

function active(store: Store, origin: string | undefined, now: Millis): string[] {
  const blocks = store.blocks.allActive(now)
  return blocks.filter(row => origin === undefined || row.origin === origin).map(row => row.ip)
}

function release(store: Store, ips: readonly string[], { now, forgive }: { now: Millis; forgive: boolean }) {
  const wereBlocked = ips.map(ip => {
    store.threats.forgive(ip)
    const wasBlocked = store.blocks.release(ip, now, 'manual')
    if (forgive) store.blocks.forgive(ip)
    return wasBlocked
  })
  // What still holds it, or stands in it, is looked for when all are released: they may lie in each other.
  const isClear = store.blocks.countActive(now) === 0
  const standing = !isClear && ips.some(ip => ip.includes('/')) ? enforced(store, now) : []
  return ips.map((ip, index) => ({
    ip,
    was_blocked: wereBlocked[index]!,
    forgiven: forgive,
    still_blocked_by: isClear ? [] : store.blocks.among(widerNetworks(ip), now).map(block => block.ip),
    still_blocked_inside: ip.includes('/') ? networksInside(standing, [ip]) : [],
  }))
}

function enforced(store: Store, now: Millis): string[] {
  const blocks = store.blocks.allActive(now)
  return blocks.filter(row => row.enforcement !== 'observed').map(row => row.ip)
}

function unblockedText({
  ip,
  was_blocked,
  still_blocked_by: by,
  still_blocked_inside: inside,
}: ReturnType<typeof release>[number]): string {
  return [
    was_blocked ? `${ip} is no longer blocked` : `${ip} was not blocked; its window starts anew`,
    ...(by.length === 0 ? [] : [`the block of ${by.join(', ')} still holds it: unblock that as well, or put ${ip} into the allowlist`]),
    ...(inside.length === 0 ? [] : [`${inside.length} blocks inside it still stand: modwarden unblock ${inside.slice(0, 10).join(' ')}`]),
  ].join('; ')
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
