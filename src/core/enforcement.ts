import type { Enforcement } from './types.ts'

const RANK: Readonly<Record<Enforcement, number>> = { observed: 0, proxied: 1, firewall: 2 }

/** Says how a block of an address is enforced: no packet carries the address of a client behind a proxy. */
export function enforcementOf(isProxied: boolean): Enforcement {
  return isProxied ? 'proxied' : 'firewall'
}

/** Says whether a block takes the place of one that stands: the same address may come through a proxy first and then by itself. */
export function outranks(next: Enforcement, standing: Enforcement): boolean {
  return RANK[next] > RANK[standing]
}
