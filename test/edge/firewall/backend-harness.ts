import { suite, test } from 'node:test'
import type { BackendName } from '../../../src/core/backend-choice.ts'
import type { Drop, Wanted } from '../../../src/core/types.ts'
import { openKernel } from '../../../src/edge/firewall/choose.ts'
import type { Listen, Run } from '../../../src/edge/run-command.ts'
import type { Firewall } from '../../../src/enforce.ts'
import { createLab, type Lab } from '../../lab.ts'
import { whyNoNamespace } from '../../netns.ts'

export const skip = whyNoNamespace() ?? false

/** Every backend, with iptables of both kinds. */
export const KINDS: { name: string; backend: BackendName; variant: 'nft' | 'legacy' }[] = [
  { name: 'iptables-nft', backend: 'iptables', variant: 'nft' },
  { name: 'iptables-legacy', backend: 'iptables', variant: 'legacy' },
  { name: 'ipset', backend: 'ipset', variant: 'nft' },
  { name: 'ipset with iptables-legacy', backend: 'ipset', variant: 'legacy' },
  { name: 'nftables', backend: 'nftables', variant: 'nft' },
]

export type Ground = Lab & {
  firewall: Firewall
  /** Opens another firewall, as a process that starts anew would. */
  openFirewall(chains?: readonly string[], backend?: BackendName): Firewall
  notices: string[]
}

/** Runs a case on a real kernel of its own: each backend, between real clients and a real server. */
export function onEachBackend(name: string, work: (ground: Ground, kind: (typeof KINDS)[number]) => Promise<void>, kinds = KINDS): void {
  const inLab = async (kind: (typeof KINDS)[number]) => {
    const lab = await createLab()
    const opened: Firewall[] = []
    try {
      await work(groundIn(lab, kind, opened), kind)
    } finally {
      for (const firewall of opened) firewall.watch?.(() => {}).stop()
      lab.remove()
    }
  }
  // They mostly wait for packets that do not come.
  suite(name, { concurrency: 3 }, () => {
    for (const kind of kinds) test(`${name} (${kind.name})`, { skip }, () => inLab(kind))
  })
}

function groundIn(lab: Lab, kind: (typeof KINDS)[number], opened: Firewall[]): Ground {
  const named = (program: string) => program.replace(/^(ip6?tables)/, `$1-${kind.variant}`)
  const run: Run = (program, args, input) => lab.run(named(program), args, input)
  const listen: Listen = (program, args, ears) => lab.listen(program, args.map(named), ears)
  const notices: string[] = []
  const openFirewall = (chains: readonly string[] = ['INPUT', 'FORWARD', 'DOCKER-USER'], backend = kind.backend) => {
    const parts = {
      chains,
      most: 1000,
      order: () => [backend],
      notice: (event: string, fields: Readonly<Record<string, unknown>>) =>
        void notices.push(`${event} ${fields.family ?? ''} ${fields.chains ?? ''}`),
    }
    opened.push(openKernel(parts, { run, listen }))
    return opened.at(-1)!
  }
  return { ...lab, run, listen, notices, openFirewall, firewall: openFirewall() }
}

/** What a firewall is to hold: some addresses and networks for an hour. */
export function wanted(ips: readonly string[], passes: readonly string[] = []): Wanted {
  return { blocks: drops(ips), passes }
}

export function drops(ips: readonly string[], timeout: number | undefined = 3600): Drop[] {
  return ips.map(ip => ({ ip, timeout }))
}

export const plan = ({
  block = [],
  renew = [],
  unblock = [],
}: {
  block?: readonly string[]
  renew?: readonly string[]
  unblock?: readonly string[]
}) => ({
  block: drops(block),
  renew: drops(renew),
  unblock,
})
