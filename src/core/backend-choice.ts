export type BackendName = 'iptables' | 'ipset' | 'nftables'

/** A packet of an allowed client passes one rule after the other: at 1,000 rules it costs twice what it costs without any, at 10,000 ten times. */
const MOST_RULES = 1000
/** A switch back waits for this, or a number that swings about the limit would switch at every block. */
const FEW_RULES = 500

/** Gives the backends that may hold so many blocks, the best first; only `auto` has more than one. */
export function chooseBackends(
  setting: BackendName | 'auto',
  { inUse, blocks, chains }: { inUse: BackendName | undefined; blocks: number; chains: readonly string[] },
): readonly BackendName[] {
  if (setting !== 'auto') return [setting]
  if (chains.some(chain => hookOf(chain) === undefined)) return ['iptables']
  const most = inUse === 'nftables' ? FEW_RULES : MOST_RULES
  return blocks > most ? ['nftables', 'iptables'] : ['iptables', 'nftables']
}

/** Gives the netfilter hook at which an nftables table sees what a chain of iptables sees; undefined for a chain that somebody made. */
export function hookOf(chain: string): 'input' | 'forward' | undefined {
  if (chain === 'INPUT') return 'input'
  return chain === 'FORWARD' || chain === 'DOCKER-USER' ? 'forward' : undefined
}
