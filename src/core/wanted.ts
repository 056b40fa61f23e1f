import { createCover, halvesOf } from './ip.ts'
import type { Drop, Millis, Plan } from './types.ts'

/** The daemon releases a block on time. Only where nobody does it for this many seconds, the kernel lets go by itself. */
const GRACE = 60

/** Says how the kernel is to hold a block: a null `expires_at` never ends. */
export function toDrop({ ip, expires_at }: { ip: string; expires_at: Millis | null }, now: Millis): Drop {
  return { ip, timeout: expires_at === null ? undefined : Math.max(0, Math.ceil((expires_at - now) / 1000)) + GRACE }
}

/** Gives the networks that lie inside a wider one of `outer`, in order. Of the allowed ones, those inside a blocked one must pass all the same. */
export function networksInside(networks: readonly string[], outer: Iterable<string>): string[] {
  const cover = createCover(outer)
  return networks.filter(network => ![undefined, network].includes(cover(network))).sort()
}

/** Gives what is left of a network without what passes inside it, as networks; they are many where much passes. */
export function withoutPasses(network: string, passes: readonly string[]): string[] {
  const inside = networksInside(passes, [network])
  if (inside.length === 0) return passes.includes(network) ? [] : [network]
  return halvesOf(network).flatMap(half => withoutPasses(half, passes.includes(half) ? [half] : inside))
}

/** Says whether a plan brings or takes away a network that holds something allowed. */
export function changesPasses(
  { block, unblock }: Plan,
  { allowed, passes }: { allowed: readonly string[]; passes: readonly string[] },
): boolean {
  const inNew = networksInside(
    allowed,
    block.map(({ ip }) => ip),
  )
  return inNew.some(network => !passes.includes(network)) || networksInside(passes, unblock).length > 0
}
