import type { Millis, Plan, Wanted } from './core/types.ts'
import { changesPasses, networksInside, toDrop } from './core/wanted.ts'
import type { RowPlan, StandingRow } from './edge/store/blocks.ts'

/** What drops packets. The addresses are canonical; each call throws when it was not taken, and then any part of it may hold. */
export interface Firewall {
  /** Adds and removes single blocks; `done: false` when a rebuild is due or cheaper, and nothing was changed. */
  apply(plan: Plan): Promise<{ done: boolean }>
  /** Says in words what differs from holding just what is wanted; undefined when nothing does. */
  drift(wanted: Wanted): Promise<string | undefined>
  /** Makes it hold just what is wanted, without a moment in which something of it is open. */
  rebuild(wanted: Wanted): Promise<void>
  list(): Promise<string[]>
  /** Takes everything of ours away; false when there was nothing. */
  remove(): Promise<boolean>
  /** What holds the blocks now; undefined before the first look. */
  backend(): string | undefined
  /** Tells when somebody changed the firewall, where the kernel says so; `isWatching` says whether it does. */
  watch?(onChange: () => void): { isWatching(): boolean; stop(): void }
}

/** The part of the store that decides what the firewall holds. */
export interface BlocksTable {
  blocks: {
    expire(now: Millis): { ip: string; reason: string; blocked_at: Millis }[]
    nextExpiry(): Millis | undefined
    plan(): RowPlan
    hasPlan(): boolean
    settle(plan: RowPlan): void
    standing(now: Millis): StandingRow[]
    settleAll(rows: readonly StandingRow[]): void
  }
  transaction<T>(work: () => T): T
}

export type Enforced = {
  /** The addresses that are dropped from now on. */
  applied: readonly string[]
  removed: number
  expired: { ip: string; reason: string; blocked_at: Millis }[]
  repaired: string | undefined
}

export type Enforce = (options?: { verify: boolean }) => Promise<Enforced>

/** Makes the function that turns rows into rules: ends the blocks whose time is over and brings the firewall to what the table says.
 *  A start, a block, an expiry, a manual unblock and a retry after a failure all come here. Calls that overlap are done one after the other.
 *  Throws when the firewall or the database fails; the rows then stay pending, and the next call compares everything. */
export function createEnforce({ store, firewall, clock, allowed = () => NONE }: Parts): Enforce {
  let compareNext = true
  let isFirst = true
  let last: Promise<unknown> = Promise.resolve()
  // The allowed networks that the firewall was built with, and those of them that it lets pass.
  let built: { allowed: readonly string[]; passes: readonly string[] } = { allowed: NONE, passes: NONE }

  async function enforceNow(verify: boolean): Promise<Enforced> {
    // An idle turn takes no write lock.
    const expired =
      (store.blocks.nextExpiry() ?? Number.POSITIVE_INFINITY) <= clock() ? store.transaction(() => store.blocks.expire(clock())) : []
    const compare = verify || compareNext || built.allowed !== allowed()
    compareNext = true
    const done = compare ? await compareAll() : await applyPlan()
    compareNext = false
    // Building the chain at the start is no repair.
    const repaired = isFirst ? undefined : done.repaired
    isFirst = false
    return { ...done, repaired, expired }
  }

  async function applyPlan(): Promise<Done> {
    if (!store.blocks.hasPlan()) return NOTHING
    const rows = store.blocks.plan()
    const now = clock()
    const plan = { block: rows.block.map(row => toDrop(row, now)), renew: rows.renew.map(row => toDrop(row, now)), unblock: rows.unblock }
    if (changesPasses(plan, built)) return rebuild(undefined)
    const { done } = await firewall.apply(plan)
    if (!done) return rebuild(undefined)
    store.transaction(() => store.blocks.settle(rows))
    return { applied: rows.block.map(({ ip }) => ip), removed: rows.unblock.length, repaired: undefined }
  }

  async function compareAll(): Promise<Done> {
    // What is pending is no drift: it has not been asked of the kernel yet.
    const changed = store.blocks.hasPlan() ? await applyPlan().catch(() => undefined) : undefined
    const { rows, wanted } = standing()
    const isOwnChange = wanted.passes.join() !== built.passes.join()
    const drift = isOwnChange ? 'other addresses pass' : await firewall.drift(wanted)
    if (drift !== undefined) {
      const rebuilt = await rebuild(isOwnChange ? undefined : drift)
      return { ...rebuilt, applied: [...(changed?.applied ?? []), ...rebuilt.applied], removed: (changed?.removed ?? 0) + rebuilt.removed }
    }
    built = { allowed: allowed(), passes: wanted.passes }
    if (store.blocks.hasPlan()) store.transaction(() => store.blocks.settleAll(rows))
    return changed ?? NOTHING
  }

  async function rebuild(drift: string | undefined): Promise<Done> {
    const before = store.blocks.plan()
    const { rows, wanted } = standing()
    const now = allowed()
    await firewall.rebuild(wanted)
    built = { allowed: now, passes: wanted.passes }
    store.transaction(() => store.blocks.settleAll(rows))
    return { applied: before.block.map(({ ip }) => ip), removed: before.unblock.length, repaired: drift }
  }

  const standing = () => whatStands({ store, clock, allowed })

  return (options = { verify: false }) => {
    const next = last.then(() => enforceNow(options.verify))
    last = next.catch(() => {})
    return next
  }
}

/** Makes the firewall hold the blocks that stand and writes nothing into the table; gives how many there are. For the boot, when the kernel holds
 *  nothing yet and the daemon is still to come. Throws when the firewall fails. */
export async function restore({ firewall, ...parts }: Omit<Parts, 'store'> & { store: Standing }): Promise<number> {
  const { rows, wanted } = whatStands(parts)
  if (rows.length > 0) await firewall.rebuild(wanted)
  return rows.length
}

/** What the firewall must hold now, with the rows behind it. */
function whatStands({ store, clock, allowed = () => NONE }: Omit<Parts, 'store' | 'firewall'> & { store: Standing }): {
  rows: readonly StandingRow[]
  wanted: Wanted
} {
  const now = clock()
  const rows = store.blocks.standing(now)
  const passes = networksInside(
    allowed(),
    rows.map(row => row.ip),
  )
  return { rows, wanted: { blocks: rows.map(row => toDrop(row, now)), passes } }
}

type Standing = { blocks: { standing(now: Millis): readonly StandingRow[] } }

type Parts = {
  store: BlocksTable
  firewall: Firewall
  clock: () => Millis
  /** The networks that are never dropped; another array when they have changed. */
  allowed?: () => readonly string[]
}

type Done = Pick<Enforced, 'applied' | 'removed' | 'repaired'>
const NONE: readonly string[] = []
const NOTHING: Done = { applied: [], removed: 0, repaired: undefined }
