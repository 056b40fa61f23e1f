import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { createAllowed, neverBlocked } from '../allowed.ts'
import type { Settings } from '../core/settings.ts'
import type { StandingBlock } from '../core/standing-lines.ts'
import { chooseFirewall } from '../edge/firewall/choose.ts'
import { createLog, type Log } from '../edge/log.ts'
import { protectedAddresses } from '../edge/protected-addresses.ts'
import { standingPath } from '../edge/standing-file.ts'
import type { StandingRow } from '../edge/store/blocks.ts'
import { isCorruption, type Store } from '../edge/store/store.ts'
import { restore } from '../enforce.ts'
import { recall } from '../recall.ts'
import { type Context, withStore } from './context.ts'

/** For modwarden-restore.service: at the boot the blocks are in the kernel before the network is up, whatever becomes of the daemon. */
export function registerRestore(program: Command, context: Context): void {
  program
    .command('restore')
    .description('put the standing blocks into the firewall before the network is up (for modwarden-restore.service)')
    .addHelpText('after', '\nExample:\n  systemctl start modwarden-restore')
    .action(() => run(context))
}

async function run(context: Context): Promise<void> {
  const settings = context.settings()
  const isEnforcing = settings.mode === 'enforce' && settings.firewall !== 'dry-run'
  // Before the first start there is no database.
  if (!isEnforcing || !existsSync(settings.database)) return
  const isUnit = process.env.JOURNAL_STREAM !== undefined
  const log = createLog({ fd: 1, hasPrefix: isUnit })
  try {
    await put(await whatStands(context, settings, log), settings, log)
  } catch (error) {
    log.error('restore.failed', {
      database: settings.database,
      problem: error instanceof Error ? error.message : String(error),
      // By hand it has given up root, and with it the right to change the firewall.
      remedy: isUnit ? 'the daemon tries again when it starts; see modwarden status' : 'run it by systemctl start modwarden-restore',
    })
    process.exitCode = 1
  }
}

/** What the database says; should it be damaged, what the standing file says. */
async function whatStands(context: Context, settings: Settings, log: Log): Promise<Standing> {
  try {
    // Only reading: whoever writes to the database holds up nothing here.
    return withStore(context.reader(), reader => standing(reader, settings))
  } catch (error) {
    if (!isCorruption(error)) throw error
    const problem = (error as Error).message
    const recalled = await recall(settings, Date.now())
    if (!recalled.ok) throw new Error(`the database is damaged (${problem}), and what stood cannot be read: ${recalled.problem}`)
    const { blocks, allowed, writtenAt, leftOut } = recalled.value
    log.error('database.damaged', {
      ...{ database: settings.database, problem, standing_file: standingPath(settings.database) },
      ...{ as_of: new Date(writtenAt).toISOString(), left_out: leftOut },
      remedy: 'the daemon sets it aside when it starts; look at the disk',
    })
    const rows = blocks.filter(({ enforcement }) => enforcement === 'firewall')
    const toRow = ({ ip, expiresAt }: StandingBlock, id: number) => ({ id, ip, expires_at: Number.isFinite(expiresAt) ? expiresAt : null })
    return { rows: rows.map(toRow), allowed }
  }
}

async function put({ rows, allowed }: Standing, settings: Settings, log: Log): Promise<void> {
  const firewall = chooseFirewall(settings, { dryRun: false, log })
  const blocks = await restore({ store: { blocks: { standing: () => rows } }, firewall, clock: Date.now, allowed: () => allowed })
  if (blocks > 0) log.info('blocks.restored', { blocks, firewall: firewall.backend() })
}

/** The blocks that stand, and what passes inside them. Somebody who locked himself out and edited the allowlist must not be shut out again. */
function standing(store: Store, settings: Settings): Standing {
  const allowed = createAllowed(() => neverBlocked(settings, store, Date.now()), protectedAddresses)
  const rows = store.blocks.standing(Date.now()).filter(row => !allowed.isWhollyAllowed(row.ip))
  return { rows, allowed: allowed.networks() }
}

type Standing = { rows: readonly StandingRow[]; allowed: readonly string[] }
