import { parseNetwork } from './ip.ts'
import type { Plan } from './types.ts'

/** Our chain in the filter table. */
export const CHAIN = 'MODWARDEN'

/** What the kernel holds of ours: the rules of our chain as iptables-save prints them, and for each chain that exists how many jumps to ours it has. */
export type ChainState = { exists: boolean; rules: string; jumps: Map<string, number> }

/** Writes the input of `iptables-restore --noflush` that adds and removes single DROP rules. The addresses must be canonical. */
export function planScript({ block, unblock }: Plan): string {
  const rules = [...unblock.map(ip => `-D ${CHAIN} -s ${ip} -j DROP`), ...block.map(ip => `-A ${CHAIN} -s ${ip} -j DROP`)]
  return ['*filter', ...rules, 'COMMIT', ''].join('\n')
}

/** Writes the input that makes our chain hold just `ips`, and each existing chain of `from` jump to it once; the kernel takes it wholly or not at all. */
export function rebuildScript(ips: readonly string[], state: ChainState, from: readonly string[]): string {
  const lines = ['*filter', `:${CHAIN} - [0:0]`, ...ips.map(ip => `-A ${CHAIN} -s ${ip} -j DROP`)]
  for (const [chain, count] of state.jumps) {
    if (chain === CHAIN) continue
    const wanted = from.includes(chain) ? 1 : 0
    for (let extra = count; extra > wanted; extra--) lines.push(`-D ${chain} -j ${CHAIN}`)
    if (count < wanted) lines.push(`-I ${chain} -j ${CHAIN}`)
  }
  return [...lines, 'COMMIT', ''].join('\n')
}

/** Writes the input that takes away our chain and every jump to it. */
export function removeScript(state: ChainState): string {
  const jumps = [...state.jumps].flatMap(([chain, count]) => Array<string>(count).fill(`-D ${chain} -j ${CHAIN}`))
  return ['*filter', ...jumps, ...(state.exists ? [`-F ${CHAIN}`, `-X ${CHAIN}`] : []), 'COMMIT', ''].join('\n')
}

/** Reads the output of `iptables-save -t filter`. Our rules stand together in it and are not looked at one by one here. */
export function readSaved(saved: string): ChainState {
  const first = saved.indexOf(`\n-A ${CHAIN} `) + 1
  const last = saved.lastIndexOf(`\n-A ${CHAIN} `) + 1
  const end = first === 0 ? 0 : saved.indexOf('\n', last) + 1
  const jumps = new Map<string, number>()
  let exists = false
  for (const line of `${saved.slice(0, first)}${saved.slice(end)}`.split('\n')) {
    const [, declared] = /^:(\S+) /.exec(line) ?? []
    const [, chain] = /^-A (\S+) -j MODWARDEN$/.exec(line) ?? []
    if (declared === CHAIN) exists = true
    else if (declared !== undefined) jumps.set(declared, jumps.get(declared) ?? 0)
    else if (chain !== undefined) jumps.set(chain, (jumps.get(chain) ?? 0) + 1)
  }
  return { exists, rules: saved.slice(first, end), jumps }
}

/** Reads the rules of our chain: the dropped addresses in order (twice when there are two rules), and how many rules are none that we write. */
export function readRules(rules: string): { dropped: string[]; strange: number } {
  const lines = rules.split('\n').filter(line => line !== '')
  const dropped = lines.flatMap(line => {
    const [, address] = /^-A MODWARDEN -s (\S+) -j DROP$/.exec(line) ?? []
    const network = address === undefined ? undefined : parseNetwork(address)
    return network?.ok ? [network.value] : []
  })
  return { dropped, strange: lines.length - dropped.length }
}

/** Says in words how the jumps differ from one for each existing chain of `from`; undefined when they do not. */
export function describeJumps({ exists, jumps }: ChainState, from: readonly string[]): string | undefined {
  if (!exists) return 'the chain is missing'
  for (const [chain, count] of jumps) {
    if (from.includes(chain) && count === 0) return `the jump from ${chain} is missing`
    if (count > (from.includes(chain) ? 1 : 0)) return `${chain} jumps to our chain too often`
  }
  return undefined
}

/** Says in words how the rules differ from one DROP for each of `ips`; undefined when they do not. */
export function describeRules(rules: string, ips: ReadonlySet<string>): string | undefined {
  const { dropped, strange } = readRules(rules)
  const held = new Set(dropped)
  const missing = [...ips].filter(ip => !held.has(ip)).length
  const extra = [...held].filter(ip => !ips.has(ip)).length
  const tooMany = extra + dropped.length - held.size + strange
  return missing + tooMany === 0 ? undefined : `${missing} rules missing, ${tooMany} too many`
}
