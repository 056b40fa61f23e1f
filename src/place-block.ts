import type { Blocker, NewBlock } from './blocking.ts'
import type { Brake } from './brake.ts'
import { enforcementOf, outranks } from './core/enforcement.ts'
import { blockLength } from './core/escalate.ts'
import type { Settings } from './core/settings.ts'
import type { BlockReason, Enforcement, Millis } from './core/types.ts'
import type { ShownBlock } from './edge/store/blocks.ts'
import type { Store } from './edge/store/store.ts'

/** What the policy decided about an address, and on which evidence. */
export type Wanted = {
  ip: string
  reason: BlockReason
  score: number
  threatCount: number
  eventId: number
  rules: readonly string[]
  isProxied: boolean
  /** The model and the WAF's own rules agree. */
  isCorroborated: boolean
}

type Placing = { ip: string; enforcement: Enforcement; standing: ShownBlock | undefined }

type Parts = { store: Store; settings: () => Settings; brake: Pick<Brake, 'admits'>; blocker: Pick<Blocker, 'add'> }

/** Writes the block that the policy decided on, and that of its subnet when it is due, within the caller's transaction; nothing when one stands already
 *  that is enforced no less, or when the brake holds it back. */
export function placeBlock({ isProxied, ...wanted }: Wanted, now: Millis, { store, settings, brake, blocker }: Parts): NewBlock[] {
  const { ip } = wanted
  const enforcement = enforcementOf({ reason: wanted.reason, isProxied }, settings())
  const standing = store.blocks.active(ip, now)
  if (standing !== undefined && !outranks(enforcement, standing.enforcement)) return []
  // To note what would be done needs no brake.
  if (enforcement !== 'observed' && !brake.admits(wanted.isCorroborated)) return []
  const step = stepOf({ ip, enforcement, standing }, now, { store, settings })
  const block = { ...wanted, enforcement, step, blockedAt: now, expiresAt: now + blockLength(step, settings()) }
  return blocker.add(block, { goesOn: standing !== undefined })
}

function stepOf({ ip, enforcement, standing }: Placing, now: Millis, { store, settings }: Pick<Parts, 'store' | 'settings'>): number {
  // What is observed shows what would have been; what was observed makes nothing last longer.
  const earlier = store.blocks.countEarlier(ip, now - settings().blockMemory, { observed: enforcement === 'observed' })
  // The same block enforced in another way is no further one.
  const isFurther = standing === undefined || standing.enforcement === 'observed'
  return isFurther ? earlier + 1 : Math.max(1, earlier)
}
