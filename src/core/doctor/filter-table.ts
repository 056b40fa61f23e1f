import { CHAIN } from '../iptables-script.ts'

/** The filter table of one family, as iptables-save prints it, without the rules of our own chain. */
export type FilterTable = {
  chains: ReadonlySet<string>
  rules: ReadonlyMap<string, readonly string[]>
  /** A rule of somebody matches an ipset. */
  usesSets: boolean
}

/** More rules of a chain than this are not looked at. */
const MOST_RULES = 2000

/** Reads the output of `iptables-save -t filter`. */
export function readFilterTable(saved: string): FilterTable {
  const chains = new Set<string>()
  const rules = new Map<string, string[]>()
  let usesSets = false
  for (const line of saved.split('\n')) {
    const [, declared] = /^:(\S+) /.exec(line) ?? []
    if (declared !== undefined) chains.add(declared)
    usesSets ||= line.includes('--match-set') && !line.startsWith(`-A ${CHAIN} `)
    const [, chain] = /^-A (\S+) /.exec(line) ?? []
    if (chain === undefined || chain === CHAIN) continue
    const list = rules.get(chain) ?? []
    if (list.length < MOST_RULES) list.push(line)
    rules.set(chain, list)
  }
  return { chains, rules, usesSets }
}

/** Counts the jumps from a chain to ours. */
export function countJumps({ rules }: FilterTable, chain: string): number {
  return (rules.get(chain) ?? []).filter(isJump).length
}

/** What stands before the jump to ours in a chain: how many rules, and those of them (or of the chains that they lead to) which accept packets before
 *  ours can drop them, apart from loopback. `established` accept packets of open connections only. */
export type Before = { rules: number; accepting: readonly string[]; established: readonly string[] }

/** Looks at the rules before the jump to ours; undefined when there is no jump. */
export function rulesBefore(table: FilterTable, chain: string): Before | undefined {
  const rules = table.rules.get(chain) ?? []
  const at = rules.findIndex(isJump)
  if (at < 0) return undefined
  const found = acceptingRules(table, rules.slice(0, at), false, new Set())
  return {
    rules: at,
    accepting: found.filter(({ isEstablished }) => !isEstablished).map(({ rule }) => rule),
    established: found.filter(({ isEstablished }) => isEstablished).map(({ rule }) => rule),
  }
}

/** Each chain is followed once for all packets, and once for those of open connections. */
function acceptingRules(table: FilterTable, rules: readonly string[], isWithin: boolean, seen: Set<string>): Accepting[] {
  return rules.flatMap(rule => {
    if (/ -i lo(\s|$)/.test(rule)) return []
    const isEstablished = isWithin || isAboutEstablished(rule)
    const [, target = ''] = / -[jg] (\S+)/.exec(rule) ?? []
    if (target === 'ACCEPT') return [{ rule, isEstablished }]
    const inner = table.rules.get(target)
    const key = `${target} ${isEstablished}`
    if (inner === undefined || seen.has(key)) return []
    seen.add(key)
    return acceptingRules(table, inner, isEstablished, seen)
  })
}

type Accepting = { rule: string; isEstablished: boolean }

/** Packets of open connections only: one that may be the first of a new connection is no such packet. */
function isAboutEstablished(rule: string): boolean {
  const [, isNot, states = ''] = /(! )?--(?:ct)?state (\S+)/.exec(rule) ?? []
  const named = states.split(',')
  return states !== '' && isNot === undefined && !named.includes('NEW') && !named.includes('UNTRACKED')
}

function isJump(rule: string): boolean {
  return rule.endsWith(` -j ${CHAIN}`) && rule.split(' ').length === 4
}
