import { planScript, readRules } from '../../core/iptables-script.ts'
import type { Plan } from '../../core/types.ts'
import type { Listen, Run } from '../run-command.ts'
import { type Backend, describeEach, type Family } from './backend.ts'
import { type Chain, partOf } from './chain.ts'
import { createRestorePipe } from './restore-pipe.ts'

/** More removals than this cost more one by one than a rebuild of the chain: each one searches the whole chain. */
const MOST_REMOVALS = 50

/** Drops addresses with one rule each in our own chain, IPv4 and (where the kernel has it) IPv6, in batches that the kernel takes wholly or not at all.
 *  Every call throws an Error that says what is wrong and what to do. */
export function createIptables(chain: Chain, { run, listen }: { run: Run; listen: Listen }): Backend {
  // With legacy iptables an open iptables-restore might hold the lock that every other program needs.
  let isNft: boolean | undefined
  const findKind = async () =>
    (isNft ??= await run('iptables', ['-V']).then(
      version => version.includes('nf_tables'),
      () => false,
    ))
  const pipes = new Map(chain.families.map(family => [family, createRestorePipe(listen, family.restore)]))

  async function applyPart(family: Family, { block, unblock }: Plan): Promise<void> {
    const part = {
      block: partOf(
        family,
        block.map(({ ip }) => ip),
      ),
      unblock: partOf(family, unblock),
    }
    if (part.block.length + part.unblock.length === 0) return
    const script = planScript(part)
    if (!(await findKind())) return chain.restore(family, script)
    // What the open program did not take (nothing of it then), a fresh one may; if not, its error says why.
    await pipes
      .get(family)!
      .restore(script)
      .catch(() => chain.restore(family, script))
  }

  return {
    name: 'iptables',
    uses: ['chain'],

    async probe() {
      await findKind()
      await Promise.all(chain.families.map(chain.inspect))
    },

    async apply(plan) {
      if (plan.unblock.length > MOST_REMOVALS) return { done: false }
      await Promise.all(chain.families.map(family => applyPart(family, plan)))
      return { done: true }
    },

    drift: ({ blocks, passes }) => {
      const ips = blocks.map(({ ip }) => ip)
      return describeEach(chain.families, family =>
        chain.drift(family, { passes: partOf(family, passes), dropped: partOf(family, ips), sets: [] }),
      )
    },

    async rebuild({ blocks, passes }) {
      const ips = blocks.map(({ ip }) => ip)
      await Promise.all(
        chain.families.map(family => chain.rebuild(family, { passes: partOf(family, passes), dropped: partOf(family, ips), sets: [] })),
      )
    },

    async list() {
      const states = await Promise.all(chain.families.map(chain.inspect))
      return [...new Set(states.flatMap(state => readRules(state.rules).dropped))]
    },

    isTold: () => isNft === true,
    prepare: () => void findKind().then(isIt => isIt && pipes.forEach(pipe => void pipe.prepare())),
    pids: () => [...pipes.values()].flatMap(pipe => pipe.pid() ?? []),
    close: () => pipes.forEach(pipe => void pipe.stop()),
  }
}
