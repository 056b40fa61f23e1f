import { excess, isSubnetDue, subnetOf } from './core/bounds.ts'
import { outranks } from './core/enforcement.ts'
import type { Settings } from './core/settings.ts'
import type { Block, Enforcement, Millis } from './core/types.ts'
import type { Evicted } from './edge/store/blocks.ts'
import type { Store } from './edge/store/store.ts'

/** A block to be, with what led to it. `origin`: the list that an imported one comes from. */
export type NewBlock = Block & { eventId?: number; rules: readonly string[]; note?: string; origin?: string; isCorroborated?: boolean }

type Parts = { settings: Pick<Settings, 'maxBlocks' | 'subnetCount'>; isAllowed: (ip: string, at: Millis) => boolean }

export type Blocker = ReturnType<typeof createBlocker>

/** Makes the writer of new blocks for the length of one transaction: it keeps their number bounded and blocks a whole subnet when enough of it is.
 *  Blocks of each enforcement are bounded for themselves: what is only observed makes nobody free. */
export function createBlocker(store: Pick<Store, 'blocks' | 'totals'>, { settings, isAllowed }: Parts) {
  // Counted at the first block only, and once: with many blocks that takes milliseconds.
  const standing = new Map<Enforcement, number>()
  const evicted: Evicted[] = []

  /** `goesOn`: what stands for the address is the same block, enforced in another way until now. */
  function put(block: NewBlock, { goesOn } = { goesOn: false }): NewBlock {
    const { ip, enforcement, blockedAt: now } = block
    // An ended block whose expiry nobody has noted yet would stand in the way; another one gives way.
    const by = store.blocks.active(ip, now) === undefined ? 'expired' : 'replaced'
    const ended = goesOn ? store.blocks.replace(ip, now) : store.blocks.end(ip, now, by)
    const known = ended === undefined ? undefined : standing.get(ended)
    if (ended !== undefined && known !== undefined) standing.set(ended, known - 1)
    const before = standing.get(enforcement) ?? store.blocks.countStanding(enforcement)
    const gone = store.blocks.endSoonest(excess({ standing: before, adding: 1, most: settings.maxBlocks }), enforcement, now)
    evicted.push(...gone)
    standing.set(enforcement, before + 1 - gone.length)
    store.blocks.add(block)
    return block
  }

  /** Gives the block of the /24 of an address, when with that address one too many of it are blocked in the same way. */
  function subnetBlock(block: NewBlock): NewBlock | undefined {
    const { enforcement, blockedAt: now } = block
    const subnet = settings.subnetCount > 0 ? subnetOf(block.ip) : undefined
    if (subnet === undefined || isAllowed(subnet, now)) return undefined
    const stands = store.blocks.active(subnet, now)
    if (stands !== undefined && !outranks(enforcement, stands.enforcement)) return undefined
    const blocked = store.blocks.countWithin(subnet, enforcement)
    if (!isSubnetDue(blocked, settings.subnetCount)) return undefined
    return { ...block, ip: subnet, note: `subnet: ${blocked} of its addresses are blocked` }
  }

  return {
    /** Writes a block as it is; what stood for its address is replaced. */
    put,

    /** Writes the block of an address, and that of its /24 when it was one too many; gives what was written. */
    add(block: NewBlock, how = { goesOn: false }): NewBlock[] {
      const added = [put(block, how)]
      const subnet = subnetBlock(block)
      return subnet === undefined
        ? added
        : [...added, put(subnet, { goesOn: store.blocks.active(subnet.ip, subnet.blockedAt) !== undefined })]
    },

    /** Notes in the totals what made room, and gives it. */
    finish(): readonly Evicted[] {
      store.totals.add({ evicted: evicted.length })
      return evicted
    },
  }
}
