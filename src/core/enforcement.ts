import type { Settings } from './settings.ts'
import type { BlockReason, Enforcement } from './types.ts'

const RANK: Readonly<Record<Enforcement, number>> = { observed: 0, proxied: 1, firewall: 2 }

/** Says how a block that the policy decides on is enforced: not at all where the settings only observe; and no packet carries the address of a client
 *  behind a proxy. */
export function enforcementOf(
  { reason, isProxied }: { reason: BlockReason; isProxied: boolean },
  { mode, observeReasons }: Pick<Settings, 'mode' | 'observeReasons'>,
): Enforcement {
  if (mode === 'observe' || observeReasons.some(observed => observed === reason)) return 'observed'
  return isProxied ? 'proxied' : 'firewall'
}

/** Says whether a block takes the place of one that stands: the same address may come through a proxy first and then by itself, or be only observed for
 *  one reason and blocked for another. */
export function outranks(next: Enforcement, standing: Enforcement): boolean {
  return RANK[next] > RANK[standing]
}
