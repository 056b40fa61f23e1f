import type { Millis, Plan } from './core/types.ts'
import type { RowPlan } from './edge/store/blocks.ts'

/** What drops packets. The addresses are canonical; each call is taken wholly or not at all, and throws when it was not taken. */
export interface Firewall {
  /** Adds and removes single rules; `done: false` when a rebuild is cheaper and nothing was changed. */
  apply(plan: Plan): Promise<{ done: boolean }>
  /** Says in words what differs from holding just `ips`; undefined when nothing does. */
  drift(ips: readonly string[]): Promise<string | undefined>
  /** Makes it hold just `ips`, without a moment in which one of them is open. */
  rebuild(ips: readonly string[]): Promise<void>
  list(): Promise<string[]>
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
    standing(now: Millis): { id: number; ip: string }[]
    settleAll(rows: readonly { id: number; ip: string }[]): void
  }
  transaction<T>(work: () => T): T
}

export type Enforced = {
  applied: number
  removed: number
  expired: { ip: string; reason: string; blocked_at: Millis }[]
  repaired: string | undefined
}

export type Enforce = (options?: { verify: boolean }) => Promise<Enforced>

/** Makes the function that turns rows into rules: ends the blocks whose time is over and brings the firewall to what the table says.
 *  A start, a block, an expiry, a manual unblock and a retry after a failure all come here. Calls that overlap are done one after the other.
 *  Throws when the firewall or the database fails; the rows then stay pending, and the next call compares everything. */
export function createEnforce({ store, firewall, clock }: { store: BlocksTable; firewall: Firewall; clock: () => Millis }): Enforce {
  let compareNext = true
  let isFirst = true
  let last: Promise<unknown> = Promise.resolve()

  async function enforceNow(verify: boolean): Promise<Enforced> {
    // An idle turn takes no write lock.
    const expired =
      (store.blocks.nextExpiry() ?? Number.POSITIVE_INFINITY) <= clock() ? store.transaction(() => store.blocks.expire(clock())) : []
    const compare = verify || compareNext
    compareNext = true
    const done = compare ? await compareAll() : await applyPlan()
    compareNext = false
    // Building the chain at the start is no repair.
    const repaired = isFirst ? undefined : done.repaired
    isFirst = false
    return { ...done, repaired, expired }
  }

  async function applyPlan() {
    if (!store.blocks.hasPlan()) return { applied: 0, removed: 0, repaired: undefined }
    const plan = store.blocks.plan()
    const { done } = await firewall.apply(plan)
    if (!done) return rebuild(undefined)
    store.transaction(() => store.blocks.settle(plan))
    return { applied: plan.block.length, removed: plan.unblock.length, repaired: undefined }
  }

  async function compareAll() {
    // What is pending is no drift: it has not been asked of the kernel yet.
    const changed = store.blocks.hasPlan() ? await applyPlan().catch(() => undefined) : undefined
    const rows = store.blocks.standing(clock())
    const drift = await firewall.drift(rows.map(row => row.ip))
    if (drift !== undefined) return rebuild(drift)
    if (store.blocks.hasPlan()) store.transaction(() => store.blocks.settleAll(rows))
    return changed ?? { applied: 0, removed: 0, repaired: undefined }
  }

  async function rebuild(drift: string | undefined) {
    const rows = store.blocks.standing(clock())
    const before = store.blocks.plan()
    await firewall.rebuild(rows.map(row => row.ip))
    store.transaction(() => store.blocks.settleAll(rows))
    return { applied: before.block.length, removed: before.unblock.length, repaired: drift }
  }

  return (options = { verify: false }) => {
    const next = last.then(() => enforceNow(options.verify))
    last = next.catch(() => {})
    return next
  }
}
