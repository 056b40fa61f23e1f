import { enforcementOf, outranks } from './core/enforcement.ts'
import type { Settings } from './core/settings.ts'
import type { Block, BlockReason, Millis } from './core/types.ts'
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
  const enforcement = enforcementOf(isProxied)
  const standing = store.blocks.active(wanted.ip, now)
  if (standing !== undefined && !outranks(enforcement, standing.enforcement)) return undefined
  const block = { ...wanted, enforcement, blockedAt: now, expiresAt: now + settings().blockTime }
  // An ended block whose expiry nobody has noted yet would stand in the way.
  store.blocks.release(wanted.ip, now, standing === undefined ? 'expired' : 'replaced')
  store.blocks.add(block)
  return block
}
