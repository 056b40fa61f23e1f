import { isIPv6 } from 'node:net'
import type { BackendName } from '../../core/backend-choice.ts'
import type { Firewall } from '../../enforce.ts'

/** A thing of ours in the kernel: the chain in the filter tables of iptables, the sets of ipset, the table of nftables. */
export type PieceName = 'chain' | 'sets' | 'table'

export type Piece = {
  name: PieceName
  isThere(): Promise<boolean>
  /** Takes it away; false when there was none. */
  remove(): Promise<boolean>
}

/** One way to hold the blocks in the kernel. */
export type Backend = Pick<Firewall, 'apply' | 'drift' | 'rebuild' | 'list'> & {
  name: BackendName
  uses: readonly PieceName[]
  /** Throws when it cannot be used on this machine, and says what to do. */
  probe(): Promise<void>
  /** Whether the kernel tells when somebody changes what it holds. */
  isTold(): boolean
  /** Starts the programs that are kept open ahead of the first block. */
  prepare(): void
  /** The processes whose changes are our own. */
  pids(): number[]
  close(): void
}

export type Family = {
  name: 'IPv4' | 'IPv6'
  program: string
  save: string
  restore: string
  set: string
  setFamily: 'inet' | 'inet6'
}

const IPV4: Family = {
  name: 'IPv4',
  program: 'iptables',
  save: 'iptables-save',
  restore: 'iptables-restore',
  set: 'modwarden4',
  setFamily: 'inet',
}
const IPV6: Family = {
  name: 'IPv6',
  program: 'ip6tables',
  save: 'ip6tables-save',
  restore: 'ip6tables-restore',
  set: 'modwarden6',
  setFamily: 'inet6',
}

/** Gives the families that this kernel has. */
export function familiesOf(hasIpv6: boolean): Family[] {
  return hasIpv6 ? [IPV4, IPV6] : [IPV4]
}

/** Makes the test for the addresses and networks of a family. */
export function ofFamily(family: Family): (ip: string) => boolean {
  return ip => isIPv6(ip.split('/', 1)[0]!) === (family === IPV6)
}

/** Joins what each family lacks; undefined when none lacks anything. */
export async function describeEach(
  families: readonly Family[],
  describe: (family: Family) => Promise<string | undefined>,
): Promise<string | undefined> {
  const found = await Promise.all(families.map(async family => ({ name: family.name, drift: await describe(family) })))
  const parts = found.flatMap(({ name, drift }) => (drift === undefined ? [] : [`${name}: ${drift}`]))
  return parts.length === 0 ? undefined : parts.join('; ')
}
