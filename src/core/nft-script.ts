import { hookOf } from './backend-choice.ts'
import { networkAt, splitNetwork } from './ip.ts'
import type { Drop, Plan, Wanted } from './types.ts'

/** Our own table. Addresses stand in one hash set a length of network (v4_32, v6_64 …), so that a block is one element and overlapping blocks are
 *  two: a set of intervals refuses or merges what overlaps, and makes nft read all of it for every change. */
export const TABLE = 'inet modwarden'

/** Before the rules of iptables (0), so that no other rule accepts first. */
const PRIORITY = -10

/** Gives the name of the set that holds networks like this one. */
export function setOf(network: string): string {
  const { bits, version } = splitNetwork(network)
  return `v${version}_${bits}`
}

/** Writes the input of `nft -f` that makes our table hold just what is wanted, in one transaction. */
export function tableScript({ blocks, passes }: Wanted, chains: readonly string[]): string {
  const sets = [...new Set(['v4_32', 'v6_64', ...blocks.map(({ ip }) => setOf(ip))])].sort()
  const hooks = [...new Set(chains.flatMap(chain => hookOf(chain) ?? []))]
  return [
    `add table ${TABLE}`,
    `delete table ${TABLE}`,
    `table ${TABLE} {`,
    ...sets.map(set => `  set ${set} { type ${set.startsWith('v4') ? 'ipv4_addr' : 'ipv6_addr'}; flags timeout; }`),
    '  chain blocked {',
    ...passes.map(network => `    ${protocol(network)} saddr ${network} return`),
    ...sets.map(set => `    ${dropRule(set)}`),
    '  }',
    ...hooks.map(hook => `  chain ${hook} { type filter hook ${hook} priority ${PRIORITY}; policy accept; jump blocked; }`),
    '}',
    ...elements('add', blocks),
    '',
  ].join('\n')
}

/** Writes what adds, renews and removes single elements, one command an item; taken as one transaction. */
export function elementCommands({ block, renew, unblock }: Plan): string[] {
  const gone = [...unblock, ...renew.map(({ ip }) => ip)].map(ip => ({ ip, timeout: undefined }))
  return [...elements('delete', gone), ...elements('add', [...block, ...renew])]
}

/** Takes a listing of our table (`nft -n -s list table`) apart: all but the elements as text, and the networks in the sets. */
export function readTable(listing: string): { structure: string; networks: string[] } {
  const networks: string[] = []
  const structure = listing.replace(/\tset v[46]_(\d+) \{\n[^}]*?(\t\telements = \{([^}]*)\}\n)?\t\}\n/g, (text, bits, part, inside) => {
    if (part === undefined) return text
    const suffix = text.includes(`\tset v4_32 `) || text.includes(`\tset v6_128 `) ? '' : `/${bits}`
    for (const element of (inside as string).split(',')) networks.push(element.trim().split(' ', 1)[0]! + suffix)
    return text.replace(part, '')
  })
  return { structure, networks }
}

function elements(verb: 'add' | 'delete', drops: readonly Drop[]): string[] {
  const bySet = new Map<string, string[]>()
  for (const { ip, timeout } of drops) {
    const set = setOf(ip)
    const list = bySet.get(set) ?? []
    list.push(timeout === undefined ? splitNetwork(ip).base : `${splitNetwork(ip).base} timeout ${timeout}s`)
    bySet.set(set, list)
  }
  return [...bySet].map(([set, list]) => `${verb} element ${TABLE} ${set} { ${list.join(', ')} }`)
}

function dropRule(set: string): string {
  const [family, bits] = set.split('_') as ['v4' | 'v6', string]
  const [field, all] = family === 'v4' ? ['ip', '255.255.255.255'] : ['ip6', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']
  const mask = splitNetwork(networkAt(all!, Number(bits))).base
  return mask === all ? `${field} saddr @${set} drop` : `${field} saddr & ${mask} @${set} drop`
}

function protocol(network: string): 'ip' | 'ip6' {
  return network.includes(':') ? 'ip6' : 'ip'
}
