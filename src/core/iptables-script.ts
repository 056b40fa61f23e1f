import { parseNetwork } from './ip.ts'

/** Our chain in the filter table. */
export const CHAIN = 'MODWARDEN'

/** What the kernel holds of ours: the rules of our chain as iptables-save prints them, and for each chain that exists how many jumps to ours it has. */
export type ChainState = { exists: boolean; rules: string; jumps: Map<string, number> }

/** What our chain is to hold, in this order: what returns, what is dropped address by address, and the sets whose members are dropped. */
export type ChainRules = { passes: readonly string[]; dropped: readonly string[]; sets: readonly string[] }

/** Writes the input of `iptables-restore --noflush` that adds and removes single DROP rules. The addresses must be canonical. */
export function planScript({ block, unblock }: { block: readonly string[]; unblock: readonly string[] }): string {
  const rules = [...unblock.map(ip => `-D ${CHAIN} -s ${ip} -j DROP`), ...block.map(ip => `-A ${CHAIN} -s ${ip} -j DROP`)]
  return ['*filter', ...rules, 'COMMIT', ''].join('\n')
}

/** Writes the input that makes our chain hold just these rules, and each existing chain of `from` jump to it once; the kernel takes it wholly or not at all. */
export function rebuildScript({ passes, dropped, sets }: ChainRules, state: ChainState, from: readonly string[]): string {
  const lines = [
    '*filter',
    `:${CHAIN} - [0:0]`,
    ...passes.map(network => `-A ${CHAIN} -s ${network} -j RETURN`),
    ...dropped.map(ip => `-A ${CHAIN} -s ${ip} -j DROP`),
    ...sets.map(set => `-A ${CHAIN} -m set --match-set ${set} src -j DROP`),
  ]
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

/** Reads the rules of our chain: what they return and drop, in order (twice when there are two rules), and how many are none that we write;
 *  a rule that returns behind one that drops is one of those. */
export function readRules(rules: string): { passes: string[]; dropped: string[]; sets: string[]; strange: number } {
  const found = { passes: [] as string[], dropped: [] as string[], sets: [] as string[], strange: 0 }
  for (const line of rules.split('\n')) {
    if (line === '') continue
    const [, address, target] = /^-A MODWARDEN -s (\S+) -j (DROP|RETURN)$/.exec(line) ?? []
    const [, set] = /^-A MODWARDEN -m set --match-set (\S+) src -j DROP$/.exec(line) ?? []
    const network = address === undefined ? undefined : parseNetwork(address)
    if (set !== undefined) found.sets.push(set)
    else if (!network?.ok) found.strange++
    else if (target === 'DROP') found.dropped.push(network.value)
    else if (found.dropped.length + found.sets.length > 0) found.strange++
    else found.passes.push(network.value)
  }
  return found
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

/** Says in words how the rules differ from the wanted ones; undefined when they do not. */
export function describeRules(rules: string, wanted: ChainRules): string | undefined {
  const found = readRules(rules)
  const parts = (['passes', 'dropped', 'sets'] as const).map(part => countDifference(wanted[part], found[part]))
  const missing = parts.reduce((sum, part) => sum + part.missing, 0)
  const tooMany = parts.reduce((sum, part) => sum + part.tooMany, found.strange)
  return missing + tooMany === 0 ? undefined : `${missing} rules missing, ${tooMany} too many`
}

/** Counts what is missing from a list, and what it holds too much or twice. */
export function countDifference(wanted: readonly string[], found: readonly string[]): { missing: number; tooMany: number } {
  const [want, have] = [new Set(wanted), new Set(found)]
  const missing = [...want].filter(item => !have.has(item)).length
  const extra = [...have].filter(item => !want.has(item)).length
  return { missing, tooMany: extra + found.length - have.size }
}
