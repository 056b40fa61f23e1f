import { chooseBackends, hookOf } from '../backend-choice.ts'
import type { Result } from '../types.ts'
import type { FirewallFacts, Parts } from './facts.ts'
import { countJumps, type FilterTable, rulesBefore } from './filter-table.ts'
import { type Check, check, ifKnown, type Known, skipped, type Verdict } from './finding.ts'
import { installCommand, setCommand } from './shell.ts'

const RESTART = 'systemctl restart modwarden'
const BUILT_IN: ReadonlySet<string> = new Set(['INPUT', 'FORWARD', 'OUTPUT'])
/** Which packages hold what the backends start. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  iptables: ['iptables-save', 'iptables-restore'],
  nftables: ['nft'],
  ipset: ['ipset', 'iptables-save', 'iptables-restore'],
}
const PROGRAMS6: readonly string[] = ['ip6tables-save', 'ip6tables-restore']

type Table = { name: 'IPv4' | 'IPv6'; save: string; restore: string; table: FilterTable }
type Enforced = Known<'settings' | 'daemon' | 'firewall'> & { backend: string; families: readonly Table[] }

export const FIREWALL_CHECKS: readonly Check[] = [
  check({
    id: 'programs',
    finds: 'a program that the firewall backend starts is not installed, or conntrack, which cuts live connections',
    remedy:
      '`apt-get install iptables nftables ipset conntrack` (`dnf install iptables-nft nftables ipset conntrack-tools`), or another `firewall`',
    needs: ['settings', 'programs'],
    judge: ({ settings: { firewall, mode, chains }, programs: { missing, manager }, ...facts }) => {
      if (firewall === 'dry-run' || mode === 'observe') return skipped('nothing is blocked in this mode')
      const hasIpv6 = ifKnown(facts.firewall)?.hasIpv6 ?? true
      const lacking = (backend: string) =>
        [...PROGRAMS[backend]!, ...(hasIpv6 && backend !== 'nftables' ? PROGRAMS6 : [])].filter(name => missing.includes(name))
      const backends = chooseBackends(firewall, { inUse: undefined, blocks: 0, chains })
      const broken = backends.filter(backend => lacking(backend).length > 0)
      const evidence = [...new Set(broken.flatMap(lacking))].join(', ')
      const remedy = installCommand(broken, manager)
      if (broken.length === backends.length)
        return { severity: 'bad', what: 'programs are missing without which nobody can be blocked', evidence, remedy }
      if (broken.length > 0)
        return {
          severity: 'warn',
          what: `programs are missing: firewall = "auto" has ${backends.filter(backend => !broken.includes(backend)).join()} only`,
          evidence,
          remedy,
        }
      if (missing.includes('conntrack'))
        return {
          severity: 'warn',
          what: 'conntrack is missing: live connections of blocked addresses are dropped, but not cut',
          remedy: `${installCommand(['conntrack'], manager)} && ${RESTART}`,
        }
      return { severity: 'ok', what: `the programs of ${backends.join(' and ')} and conntrack are installed` }
    },
  }),
  enforced({
    id: 'firewall-rules',
    finds: 'the chain, the jump to it, or the table of nftables is missing while the daemon should enforce',
    remedy: '`systemctl restart modwarden`; `journalctl -u modwarden -p warning` says what keeps it from being made',
    judge: ({ backend, families, settings, firewall }) => {
      const lacking =
        backend === 'nftables' ? lackingHooks(firewall, settings.chains) : families.flatMap(family => lackingJumps(family, settings.chains))
      if (lacking.length === 0) return { severity: 'ok', what: `our rules stand in the firewall (${backend})` }
      return {
        severity: 'bad',
        what: 'our rules are missing in the firewall: nobody is blocked there',
        evidence: lacking.join('; '),
        remedy: RESTART,
      }
    },
  }),
  enforced({
    id: 'firewall-first',
    finds: 'rules of others stand before ours; where they accept packets, those of blocked addresses come through',
    remedy:
      'one transaction puts ours first: `iptables-restore --noflush` with `-D INPUT -j MODWARDEN` and `-I INPUT 1 -j MODWARDEN`; or `firewall = "nftables"`, whose table comes before all of them',
    judge: facts =>
      eachJump(facts, (family, chain, before) => {
        if (before.accepting.length > 0)
          return {
            severity: 'bad',
            what: 'rules before ours accept packets, also those of blocked addresses',
            evidence: before.accepting.slice(0, 3).join('; '),
            remedy: first(family, chain),
          }
        const others = before.rules - before.established.length
        if (others <= 0) return { severity: 'ok', what: 'no rule before ours accepts what ours would drop' }
        return {
          severity: 'warn',
          what: `ours is not first: ${before.rules} rules stand before it, which accept nothing by themselves`,
          remedy: first(family, chain),
        }
      }),
  }),
  enforced({
    id: 'firewall-established',
    finds: 'a rule before ours accepts established connections: a blocked address goes on in those that it has open',
    remedy: 'put ours first (firewall-first); with the program conntrack installed modwarden cuts such connections',
    judge: facts =>
      eachJump(facts, (family, chain, before) => {
        if (before.established.length === 0) return { severity: 'ok', what: 'no rule before ours accepts established connections' }
        const isCut = ifKnown(facts.programs)?.missing.includes('conntrack') === false
        return {
          severity: isCut ? 'warn' : 'bad',
          what: `a rule before ours accepts established connections: a blocked address goes on in those${isCut ? ' until conntrack cuts them' : ''}`,
          evidence: before.established.slice(0, 3).join('; '),
          remedy: first(family, chain),
        }
      }),
  }),
  check({
    id: 'firewall-docker',
    finds: 'Docker is there (chain DOCKER-USER), but its published ports are not guarded: packets to containers do not pass INPUT',
    remedy: '`chains = ["INPUT", "DOCKER-USER"]`',
    needs: ['settings', 'firewall'],
    judge: ({ settings, settingsFolder, firewall: { ipv4, ipv6 } }) => {
      if (!ipv4.ok) return skipped(ipv4.problem)
      const isThere = [ipv4, ipv6].some(family => ifKnown(family)?.chains.has('DOCKER-USER'))
      if (!isThere) return skipped('there is no chain DOCKER-USER')
      if (settings.chains.some(chain => hookOf(chain) === 'forward'))
        return { severity: 'ok', what: `chains covers Docker: ${settings.chains.join(', ')}` }
      const chains = [...settings.chains, 'DOCKER-USER'].map(chain => `"${chain}"`).join(', ')
      return {
        severity: 'warn',
        what: 'Docker is there, but blocked addresses reach its published ports: chains has no DOCKER-USER',
        evidence: `chains = [${settings.chains.map(chain => `"${chain}"`).join(', ')}]`,
        remedy: setCommand(settingsFolder, 'docker', [`chains = [${chains}]`], RESTART),
      }
    },
  }),
  check({
    id: 'firewall-ipv6',
    finds:
      'this machine has IPv6, but nobody is blocked there: ip6tables is missing or fails, or the jump to our chain stands in IPv4 only',
    remedy: '`apt-get install iptables` (`dnf install iptables-nft`) and `systemctl restart modwarden`',
    needs: ['settings', 'daemon', 'firewall'],
    judge: facts => {
      const { hasIpv6, ipv4, ipv6 } = facts.firewall
      const backend = backendOf(facts)
      if (typeof backend !== 'string') return backend
      if (!hasIpv6) return skipped('this machine has no IPv6 address')
      if (backend === 'nftables') return { severity: 'ok', what: 'the table of nftables holds both families' }
      const covered = (table: Result<FilterTable>) => table.ok && facts.settings.chains.some(chain => countJumps(table.value, chain) > 0)
      if (covered(ipv6)) return { severity: 'ok', what: 'IPv6 is guarded like IPv4' }
      if (ipv6.ok && !covered(ipv4)) return skipped('our rules are missing in IPv4 too (firewall-rules)')
      return {
        severity: 'bad',
        what: 'IPv6 is open: blocked addresses are dropped in IPv4 only',
        evidence: ipv6.ok ? `no jump to our chain from ${facts.settings.chains.join(', ')} in ip6tables` : ipv6.problem,
        remedy: ipv6.ok ? RESTART : `${installCommand(['iptables'], ifKnown(facts.programs)?.manager)} && ${RESTART}`,
      }
    },
  }),
]

type Row = Pick<Check, 'id' | 'finds' | 'remedy'> & { judge: (facts: Enforced) => Verdict | readonly Verdict[] }

/** Makes a check of a firewall that should hold our rules now. */
function enforced({ judge, ...row }: Row): Check {
  return check({
    ...row,
    needs: ['settings', 'daemon', 'firewall'],
    judge: facts => {
      const backend = backendOf(facts)
      if (typeof backend !== 'string') return backend
      const { ipv4, ipv6, hasIpv6 } = facts.firewall
      if (backend !== 'nftables' && !ipv4.ok) return skipped(ipv4.problem)
      const families: Table[] = [
        ...(ipv4.ok ? [{ name: 'IPv4', save: 'iptables-save', restore: 'iptables-restore', table: ipv4.value } as const] : []),
        ...(ipv6.ok && hasIpv6 ? [{ name: 'IPv6', save: 'ip6tables-save', restore: 'ip6tables-restore', table: ipv6.value } as const] : []),
      ]
      return judge({ ...facts, backend, families })
    },
  })
}

/** What holds the blocks, or why nothing does. */
function backendOf({ settings, daemon: { state } }: Pick<Parts, 'settings' | 'daemon'>): string | Verdict {
  if (settings.mode === 'observe') return skipped('mode = "observe": nothing is blocked')
  if (state?.isRunning !== true) return skipped('the daemon does not run')
  return state.backend === 'dry-run' ? skipped('firewall = "dry-run": nothing is blocked') : state.backend
}

function lackingHooks({ table }: FirewallFacts, chains: readonly string[]): string[] {
  if (!table.ok) return [table.problem]
  const { value } = table
  if (value === undefined) return ['there is no table inet modwarden']
  const hooks = [...new Set(chains.flatMap(chain => hookOf(chain) ?? []))]
  return hooks.filter(hook => !value.includes(hook)).map(hook => `the table has no hook ${hook}`)
}

function lackingJumps({ name, table }: Table, chains: readonly string[]): string[] {
  const isThere = (chain: string) => BUILT_IN.has(chain) || table.chains.has(chain)
  return chains.filter(chain => isThere(chain) && countJumps(table, chain) === 0).map(chain => `${name}: no jump from ${chain}`)
}

type Judge = (family: Table, chain: string, before: NonNullable<ReturnType<typeof rulesBefore>>) => Verdict

function eachJump({ backend, families, settings }: Enforced, judge: Judge): readonly Verdict[] | Verdict {
  if (backend === 'nftables') return { severity: 'ok', what: 'the table of nftables comes before the rules of iptables' }
  const verdicts = families.flatMap(family =>
    settings.chains.flatMap(chain => {
      const before = rulesBefore(family.table, chain)
      return before === undefined ? [] : [{ about: `${chain} (${family.name})`, ...judge(family, chain, before) }]
    }),
  )
  return verdicts.length === 0 ? skipped('there is no jump to our chain (firewall-rules)') : verdicts
}

/** Puts our jump first without a moment in which it is not there. */
function first({ restore }: Table, chain: string): string {
  return `printf '*filter\\n-D ${chain} -j MODWARDEN\\n-I ${chain} 1 -j MODWARDEN\\nCOMMIT\\n' | ${restore} --noflush`
}
