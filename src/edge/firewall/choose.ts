import { existsSync } from 'node:fs'
import type { Settings } from '../../core/settings.ts'
import type { Firewall } from '../../enforce.ts'
import type { Log } from '../log.ts'
import { createListen, createRun } from '../run-command.ts'
import { createDryRun } from './dry-run.ts'
import { createIptables } from './iptables.ts'

/** A firewall call that takes longer than this counts as failed. */
const TIMEOUT = 15_000

/** Gives the firewall that the settings ask for. `observe` holds nothing in the kernel, so what an enforcing daemon left there is released. */
export function chooseFirewall(settings: Settings, { dryRun, log }: { dryRun: boolean; log: Log }): Firewall {
  const say = (would: 'block' | 'unblock', ips: readonly string[]) =>
    log.info('firewall.spared', { would, addresses: ips.length, first: ips.slice(0, 20) })
  if (dryRun || settings.firewall === 'dry-run') return createDryRun(say)
  const iptables = openIptables(settings.chains)
  return settings.mode === 'observe' ? createObserver(createDryRun(say), iptables) : iptables
}

/** Opens the iptables firewall; IPv6 is left out where the kernel has none. */
export function openIptables(chains: readonly string[]) {
  return createIptables(createRun({ timeout: TIMEOUT }), { chains, hasIpv6: existsSync('/proc/net/if_inet6'), listen: createListen() })
}

/** Says what it would do, and takes our chain away once: nobody would expire its rules. Without rights on the firewall there is nothing to take away. */
function createObserver(dryRun: Firewall, iptables: { remove(): Promise<boolean> }): Firewall {
  let isFirst = true
  return {
    ...dryRun,
    async drift(ips) {
      if (isFirst) await iptables.remove().catch(() => false)
      isFirst = false
      return dryRun.drift(ips)
    },
  }
}
