import { networkAt, splitNetwork } from './ip.ts'

/** The shortest prefix that a block may have, by IP version: a wider one is a slip of the finger. */
const WIDEST = { 4: 8, 6: 16 }

/** Says how many blocks must make room so that with `adding` more there are at most `most`. */
export function excess({ standing, adding, most }: { standing: number; adding: number; most: number }): number {
  return Math.max(0, Math.min(standing, standing + adding - most))
}

/** Gives the /24 of a single IPv4 address; undefined for anything else. */
export function subnetOf(ip: string): string | undefined {
  const { base, bits, version } = splitNetwork(ip)
  return version === 4 && bits === 32 ? networkAt(base, 24) : undefined
}

/** Says whether enough addresses of a subnet are blocked to block it as a whole; a count of 0 never does. */
export function isSubnetDue(blocked: number, subnetCount: number): boolean {
  return subnetCount > 0 && blocked > subnetCount
}

/** Says what is wrong with a network that is to be blocked; undefined when nothing is. */
export function tooWide(network: string): string | undefined {
  const { bits, version } = splitNetwork(network)
  return bits < WIDEST[version] ? `${network} is too wide for a block: at least /${WIDEST[version]}` : undefined
}

/** Gives every wider network that a block may have and that holds all of a given one. */
export function widerNetworks(network: string): string[] {
  const { base, bits, version } = splitNetwork(network)
  return Array.from({ length: Math.max(0, bits - WIDEST[version]) }, (_, index) => networkAt(base, bits - 1 - index))
}
