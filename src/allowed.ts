import { createCover, createNetworkSet, parseNetwork } from './core/ip.ts'
import type { Settings } from './core/settings.ts'
import type { Millis } from './core/types.ts'

/** Makes the test for what is never counted or blocked: the allowlist, and what `protectedNow` finds on this machine.
 *  `refresh` looks again; it says whether anything changed. */
export function createAllowed(allowlist: () => readonly string[], protectedNow: () => readonly string[]) {
  let key = ''
  let found: readonly string[] = []
  let isMember: (ip: string) => boolean = () => false
  let cover: (network: string) => string | undefined = () => undefined
  const refresh = (): boolean => {
    const networks = [...new Set([...allowlist(), ...protectedNow()])].flatMap(text => canonical(text)).sort()
    if (networks.join() === key) return false
    key = networks.join()
    found = networks
    isMember = createNetworkSet(networks)
    cover = createCover(networks)
    return true
  }
  refresh()
  return {
    /** Whether an address, or any part of a network, is allowed. */
    isAllowed: (ip: string) => isMember(ip),
    /** Whether all of an address or network is allowed. */
    isWhollyAllowed: (ip: string) => cover(ip) !== undefined,
    /** Every allowed network; another array when it has changed. */
    networks: () => found,
    refresh,
  }
}

/** What people said is never blocked: the allowlist of the settings and that of `modwarden allow`, and the proxies that speak for everybody. */
export function neverBlocked(
  { allowlist, trustedProxies }: Settings,
  store: { allow: { standing(now: Millis): readonly { network: string }[] } },
  now: Millis,
): readonly string[] {
  return [...allowlist, ...trustedProxies, ...store.allow.standing(now).map(row => row.network)]
}

function canonical(text: string): string[] {
  const network = parseNetwork(text)
  return network.ok ? [network.value] : []
}
