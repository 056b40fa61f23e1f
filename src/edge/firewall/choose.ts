import { existsSync } from 'node:fs'
import { chooseBackends } from '../../core/backend-choice.ts'
import type { Settings } from '../../core/settings.ts'
import type { Firewall } from '../../enforce.ts'
import type { Log } from '../log.ts'
import { createListen, createRun, type Listen, type Run } from '../run-command.ts'
import { type Family, familiesOf } from './backend.ts'
import { chainPiece, createChain } from './chain.ts'
import { createDryRun } from './dry-run.ts'
import { createIpset, setsPiece } from './ipset.ts'
import { createIptables } from './iptables.ts'
import { createKernel, type KernelParts } from './kernel.ts'
import { createNftables, tablePiece } from './nftables.ts'
import { watchRules } from './watch-rules.ts'

/** A firewall call that takes longer than this counts as failed. */
const TIMEOUT = 15_000

/** Gives the firewall that the settings ask for. `observe` holds nothing in the kernel, so what an enforcing daemon left there is released. */
export function chooseFirewall(settings: Settings, { dryRun, log }: { dryRun: boolean; log: Log }): Firewall {
  const say = (would: 'block' | 'unblock', ips: readonly string[]) =>
    log.info('firewall.spared', { would, addresses: ips.length, first: ips.slice(0, 20) })
  const { firewall: setting, mode, chains, maxBlocks } = settings
  if (dryRun || setting === 'dry-run') return createDryRun(say)
  const kernel = openKernel({
    chains,
    most: maxBlocks,
    order: (inUse, blocks) => chooseBackends(setting, { inUse, blocks, chains }),
    notice: (event, fields) => (event === 'firewall.passed-over' ? log.warn(event, fields) : log.info(event, fields)),
  })
  return mode === 'observe' ? createObserver(createDryRun(say), kernel) : kernel
}

/** Opens all that can hold blocks in this kernel; IPv6 is left out where the kernel has none. */
export function openKernel(
  { chains, most, ...parts }: { chains: readonly string[]; most: number } & Pick<KernelParts, 'order' | 'notice'>,
  { run, listen }: { run: Run; listen: Listen } = { run: createRun({ timeout: TIMEOUT }), listen: createListen() },
): Firewall {
  const families = familiesOf(existsSync('/proc/net/if_inet6'))
  const onAwaited = ({ name }: Family, missing: readonly string[]) => parts.notice('chain.awaited', { family: name, chains: missing })
  const chain = createChain(run, { chains, families, onAwaited })
  return createKernel({
    ...parts,
    backends: [createIptables(chain, { run, listen }), createIpset(chain, { run, most }), createNftables({ run, listen, chains })],
    pieces: [chainPiece(chain, run), setsPiece(run, families), tablePiece(run)],
    clock: () => performance.now(),
    startWatch: watch => watchRules(listen, watch),
  })
}

/** Takes every thing of ours out of the kernel; false when there was none. */
export function removeAll(): Promise<boolean> {
  return openKernel({ chains: [], most: 1, order: () => ['iptables'], notice: () => {} }).remove()
}

/** Says what it would do, and takes our rules away once: nobody would expire them. Without rights on the firewall there is nothing to take away. */
function createObserver(dryRun: Firewall, kernel: Pick<Firewall, 'remove'>): Firewall {
  let isFirst = true
  return {
    ...dryRun,
    async drift(wanted) {
      if (isFirst) await kernel.remove().catch(() => false)
      isFirst = false
      return dryRun.drift(wanted)
    },
  }
}
