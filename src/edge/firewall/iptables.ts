import { isIPv6 } from 'node:net'
import {
  type ChainState,
  describeJumps,
  describeRules,
  planScript,
  readRules,
  readSaved,
  rebuildScript,
  removeScript,
} from '../../core/iptables-script.ts'
import type { Plan } from '../../core/types.ts'
import type { Firewall } from '../../enforce.ts'
import { CommandError, type Listen, type Run } from '../run-command.ts'
import { createRestorePipe } from './restore-pipe.ts'
import { watchRules } from './watch-rules.ts'

type Family = { name: 'IPv4' | 'IPv6'; save: string; restore: string }
const IPV4: Family = { name: 'IPv4', save: 'iptables-save', restore: 'iptables-restore' }
const IPV6: Family = { name: 'IPv6', save: 'ip6tables-save', restore: 'ip6tables-restore' }

/** More removals than this cost more one by one than a rebuild of the chain: each one searches the whole chain. */
const MOST_REMOVALS = 50

/** Drops addresses with one rule each in our own chain, IPv4 and (where the kernel has it) IPv6, in batches that the kernel takes wholly or not at all.
 *  Every call throws an Error that says what is wrong and what to do. */
export function createIptables(
  run: Run,
  { chains, hasIpv6, listen }: { chains: readonly string[]; hasIpv6: boolean; listen: Listen },
): Firewall & { remove(): Promise<boolean> } {
  const families = hasIpv6 ? [IPV4, IPV6] : [IPV4]
  // Rules that were found in step, as text: with many blocks, comparing text is far cheaper than reading every rule again.
  const inStep = new Map<Family, { rules: string; ips: string }>()

  // With legacy iptables an open iptables-restore might hold the lock that every other program needs.
  let backend: Promise<boolean> | undefined
  const isNft = () => {
    backend ??= run('iptables', ['-V']).then(
      version => version.includes('nf_tables'),
      () => false,
    )
    return backend
  }
  const pipes = new Map(families.map(family => [family, createRestorePipe(listen, family.restore)]))

  async function applyPart(family: Family, { block, unblock }: Plan): Promise<void> {
    const part = { block: block.filter(ofFamily(family)), unblock: unblock.filter(ofFamily(family)) }
    if (part.block.length + part.unblock.length === 0) return
    const script = planScript(part)
    if (!(await isNft())) return restore(run, family, script)
    // What the open program did not take (nothing of it then), a fresh one may; if not, its error says why.
    await pipes
      .get(family)!
      .restore(script)
      .catch(() => restore(run, family, script))
  }

  async function driftOf(family: Family, ips: readonly string[]): Promise<string | undefined> {
    const state = await inspect(run, family)
    const now = { rules: state.rules, ips: ips.join() }
    const before = inStep.get(family)
    const isSame = before?.rules === now.rules && before.ips === now.ips
    const drift = describeJumps(state, chains) ?? (isSame ? undefined : describeRules(state.rules, new Set(ips)))
    if (drift === undefined) inStep.set(family, now)
    return drift
  }

  return {
    async apply(plan) {
      if (plan.unblock.length > MOST_REMOVALS) return { done: false }
      await Promise.all(families.map(family => applyPart(family, plan)))
      return { done: true }
    },

    async drift(ips) {
      const found = await Promise.all(
        families.map(async family => ({ name: family.name, drift: await driftOf(family, ips.filter(ofFamily(family))) })),
      )
      const parts = found.filter(({ drift }) => drift !== undefined).map(({ name, drift }) => `${name}: ${drift}`)
      return parts.length === 0 ? undefined : parts.join('; ')
    },

    async rebuild(ips) {
      await Promise.all(
        families.map(async family => {
          const script = rebuildScript(ips.filter(ofFamily(family)), await inspect(run, family), chains)
          await restore(run, family, script)
        }),
      )
    },

    async list() {
      const states = await Promise.all(families.map(family => inspect(run, family)))
      return [...new Set(states.flatMap(state => readRules(state.rules).dropped))]
    },

    watch(onChange) {
      const isOwn = (pid: number) => [...pipes.values()].some(pipe => pipe.pid() === pid)
      const watching = watchRules(listen, { isNft, isOwn, onChange })
      // The first block must not wait for the start of a program.
      void isNft().then(isIt => isIt && pipes.forEach(pipe => void pipe.prepare()))
      return {
        ...watching,
        stop() {
          watching.stop()
          for (const pipe of pipes.values()) pipe.stop()
        },
      }
    },

    async remove() {
      const states = await Promise.all(families.map(family => inspect(run, family)))
      await Promise.all(
        families.map((family, index) => (isThere(states[index]!) ? restore(run, family, removeScript(states[index]!)) : undefined)),
      )
      return states.some(isThere)
    },
  }
}

function isThere(state: ChainState): boolean {
  return state.exists || [...state.jumps.values()].some(count => count > 0)
}

function ofFamily(family: Family): (ip: string) => boolean {
  return ip => isIPv6(ip.split('/', 1)[0]!) === (family === IPV6)
}

async function inspect(run: Run, family: Family): Promise<ChainState> {
  const state = readSaved(await explained(run(family.save, ['-t', 'filter'])))
  // A table that nobody has used yet shows no chains; the built-in ones are there all the same.
  for (const chain of ['INPUT', 'FORWARD', 'OUTPUT']) if (!state.jumps.has(chain)) state.jumps.set(chain, 0)
  return state
}

async function restore(run: Run, family: Family, script: string): Promise<void> {
  await explained(run(family.restore, ['-w', '5', '--noflush'], script))
}

async function explained<T>(output: Promise<T>): Promise<T> {
  try {
    return await output
  } catch (error) {
    throw error instanceof CommandError ? new Error(`${error.message}${remedy(error)}`, { cause: error }) : error
  }
}

function remedy({ status, stderr, cause }: CommandError): string {
  if ((cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return '; install the package iptables, or set firewall = "dry-run"'
  if (/permission denied|must be root|operation not permitted|unable to initialize table/i.test(stderr)) {
    return '; modwarden needs CAP_NET_ADMIN: start it with systemctl start modwarden, or as root'
  }
  if (status === 4 && stderr.includes('xtables lock')) return '; another program holds the xtables lock, it is tried again'
  return ''
}
