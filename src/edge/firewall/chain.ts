import {
  CHAIN,
  type ChainRules,
  type ChainState,
  describeJumps,
  describeRules,
  readRules,
  readSaved,
  rebuildScript,
  removeScript,
} from '../../core/iptables-script.ts'
import type { Run } from '../run-command.ts'
import { type Family, ofFamily, type Piece } from './backend.ts'
import { explained, isMissing } from './remedy.ts'

export type Chain = ReturnType<typeof createChain>

type Parts = {
  chains: readonly string[]
  families: readonly Family[]
  /** Hears which of `chains` are not there, whenever that changes. */
  onAwaited?: (family: Family, chains: readonly string[]) => void
}

/** Keeps our chain in the filter table of each family and one jump to it from each of `chains` that is there. Changes no rule of anybody else. */
export function createChain(run: Run, { chains, families, onAwaited }: Parts) {
  const awaited = new Map(families.map(family => [family, '']))
  // Rules that were found in step, as text: with many blocks, comparing text is far cheaper than reading every rule again.
  const inStep = new Map<Family, { rules: string; wanted: string }>()

  async function inspect(family: Family): Promise<ChainState> {
    const state = readSaved(await explained(run(family.save, ['-t', 'filter'])))
    // A table that nobody has used yet shows no chains; the built-in ones are there all the same.
    for (const chain of ['INPUT', 'FORWARD', 'OUTPUT']) if (!state.jumps.has(chain)) state.jumps.set(chain, 0)
    return state
  }

  function tellAwaited(family: Family, { jumps }: ChainState): void {
    const missing = chains.filter(chain => !jumps.has(chain))
    if (missing.join() !== awaited.get(family)) onAwaited?.(family, missing)
    awaited.set(family, missing.join())
  }

  async function restore(family: Family, script: string): Promise<void> {
    await explained(run(family.restore, ['-w', '5', '--noflush'], script))
  }

  return {
    families,
    inspect,
    restore,

    async drift(family: Family, rules: ChainRules): Promise<string | undefined> {
      const state = await inspect(family)
      tellAwaited(family, state)
      const now = { rules: state.rules, wanted: `${rules.passes.join()};${rules.dropped.join()};${rules.sets.join()}` }
      const before = inStep.get(family)
      const isSame = before?.rules === now.rules && before.wanted === now.wanted
      const drift = describeJumps(state, chains) ?? (isSame ? undefined : describeRules(state.rules, rules))
      if (drift === undefined) inStep.set(family, now)
      return drift
    },

    async rebuild(family: Family, rules: ChainRules): Promise<void> {
      const state = await inspect(family)
      tellAwaited(family, state)
      await restore(family, rebuildScript(rules, state, chains))
    },
  }
}

/** Our chain as a piece that can be taken away; without the programs of iptables there is none. Where the rules of others cannot be printed (an ipset
 *  that they match needs rights that we lack), or nothing can, that must not keep another backend from its work: then our own chain is looked at alone,
 *  and emptied. */
export function chainPiece({ families, inspect, restore }: Chain, run: Run): Piece {
  async function find(family: Family): Promise<{ family: Family; script: string }[]> {
    try {
      const state = await inspect(family)
      return isThere(state) ? [{ family, script: removeScript(state) }] : []
    } catch (error) {
      if (isMissing(error)) return []
      const own = await run(family.program, ['-S', CHAIN]).catch(() => '')
      return readRules(own).dropped.length > 0 ? [{ family, script: EMPTY }] : []
    }
  }
  const findAll = async () => (await Promise.all(families.map(find))).flat()
  return {
    name: 'chain',
    isThere: async () => (await findAll()).length > 0,
    async remove() {
      const there = await findAll()
      await Promise.all(there.map(({ family, script }) => restore(family, script)))
      return there.length > 0
    },
  }
}

const EMPTY = rebuildScript({ passes: [], dropped: [], sets: [] }, { exists: true, rules: '', jumps: new Map() }, [])

/** Keeps the part of some networks that belongs to a family. */
export function partOf(family: Family, networks: readonly string[]): string[] {
  return networks.filter(ofFamily(family))
}

function isThere(state: ChainState): boolean {
  return state.exists || [...state.jumps.values()].some(count => count > 0)
}
