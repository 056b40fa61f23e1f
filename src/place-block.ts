import { enforcementOf, outranks } from './core/enforcement.ts'
import { blockLength } from './core/escalate.ts'
import type { Settings } from './core/settings.ts'
import type { Block, BlockReason, Millis } from './core/types.ts'
import type { ShownBlock } from './edge/store/blocks.ts'
import type { Store } from './edge/store/store.ts'

export type NewBlock = Block & { eventId: number; rules: readonly string[] }

/** What the policy decided about an address, and on which evidence. */
export type Wanted = {
  ip: string
  reason: BlockReason
  score: number
  threatCount: number
  eventId: number
  rules: readonly string[]
  isProxied: boolean
}

type Parts = { store: Store; settings: () => Settings }

/** Writes the block that the policy decided on, within the caller's transaction; undefined when one stands already that is enforced no less. */
export function placeBlock({ isProxied, ...wanted }: Wanted, now: Millis, { store, settings }: Parts): NewBlock | undefined {
  const { ip } = wanted
  const enforcement = enforcementOf(isProxied)
  const standing = store.blocks.active(ip, now)
  if (standing !== undefined && !outranks(enforcement, standing.enforcement)) return undefined
  const step = stepOf(ip, standing, now, { store, settings })
  const block = { ...wanted, enforcement, step, blockedAt: now, expiresAt: now + blockLength(step, settings()) }
  // An ended block whose expiry nobody has noted yet would stand in the way.
  if (standing === undefined) store.blocks.release(ip, now, 'expired')
  else store.blocks.replace(ip, now)
  store.blocks.add(block)
  return block
}

/** The same block enforced in another way is no further one. */
function stepOf(ip: string, standing: ShownBlock | undefined, now: Millis, { store, settings }: Parts): number {
  const earlier = store.blocks.countEarlier(ip, now - settings().blockMemory, { observed: false })
  return standing === undefined ? earlier + 1 : Math.max(1, earlier)
}
