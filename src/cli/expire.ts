import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { createAllowed, neverBlocked } from '../allowed.ts'
import type { Millis } from '../core/types.ts'
import { chooseFirewall } from '../edge/firewall/choose.ts'
import { createLog } from '../edge/log.ts'
import { protectedAddresses } from '../edge/protected-addresses.ts'
import { createEnforce } from '../enforce.ts'
import { createNarrate } from '../narrate.ts'
import { type Context, withStore } from './context.ts'

/** A running daemon releases a block within half a second: what is later than this has no daemon to release it. */
const GRACE: Millis = 10_000

/** For modwarden-expire.timer: releases what a dead daemon should have released, and does nothing while one works. */
export function registerExpire(program: Command, context: Context): void {
  program
    .command('expire')
    .description('release the blocks that ended while no daemon was running (for the timer)')
    .addHelpText('after', '\nExample:\n  modwarden expire')
    .action(() => expire(context))
}

async function expire(context: Context): Promise<void> {
  const settings = context.settings()
  if (!existsSync(settings.database)) return
  const isOverdue = withStore(context.reader(), store => store.blocks.countOverdue(Date.now() - GRACE) > 0)
  if (!isOverdue || settings.mode === 'observe') return
  const log = createLog({ fd: 1, hasPrefix: process.env.JOURNAL_STREAM !== undefined })
  const store = context.writer()
  try {
    const { networks } = createAllowed(() => neverBlocked(settings, store, Date.now()), protectedAddresses)
    const firewall = chooseFirewall(settings, { dryRun: false, log })
    const enforce = createEnforce({ store, firewall, clock: Date.now, allowed: networks })
    createNarrate(log, Date.now).enforced(await enforce({ verify: true }))
  } finally {
    store.close()
  }
}
