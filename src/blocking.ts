import { excess, isSubnetDue, subnetOf } from './core/bounds.ts'
import type { Settings } from './core/settings.ts'
import type { Block, Millis } from './core/types.ts'
import type { Evicted } from './edge/store/blocks.ts'
import type { Store } from './edge/store/store.ts'

/** A block to be, with what led to it. */
export type NewBlock = Block & { eventId?: number; rules: readonly string[]; note?: string }

type Parts = { settings: Pick<Settings, 'maxBlocks' | 'subnetCount'>; isAllowed: (ip: string) => boolean; now: Millis }

/** Makes the writer of new blocks for the length of one transaction: it keeps their number bounded and blocks a whole subnet when enough of it is. */
export function createBlocker(store: Pick<Store, 'blocks' | 'totals'>, { settings, isAllowed, now }: Parts) {
  // Counted at the first block only, and once: with many blocks that takes milliseconds.
  let standing: number | undefined
  const evicted: Evicted[] = []

  function put(block: NewBlock): NewBlock {
    // An ended block whose expiry nobody has noted yet would stand in the way; another one gives way.
    const ended = store.blocks.release(block.ip, now, store.blocks.active(block.ip, now) === undefined ? 'expired' : 'replaced')
    standing = (standing ?? store.blocks.countStanding() + Number(ended)) - Number(ended)
    const gone = store.blocks.endSoonest(excess({ standing, adding: 1, most: settings.maxBlocks }), now)
    evicted.push(...gone)
    standing += 1 - gone.length
    store.blocks.add(block)
    return block
  }

  return {
    /** Writes a block as it is; what stood for its address is replaced. */
    put,

    /** Writes the block of an address, and that of its /24 when it was one too many; gives what was written. */
    add(block: NewBlock): NewBlock[] {
      const added = [put(block)]
      const subnet = settings.subnetCount > 0 ? subnetOf(block.ip) : undefined
      if (subnet === undefined || isAllowed(subnet) || store.blocks.active(subnet, now) !== undefined) return added
      const blocked = store.blocks.countWithin(subnet)
      if (!isSubnetDue(blocked, settings.subnetCount)) return added
      return [...added, put({ ...block, ip: subnet, note: `subnet: ${blocked} of its addresses are blocked` })]
    },

    /** Notes in the totals what made room, and gives it. */
    finish(): readonly Evicted[] {
      store.totals.add({ evicted: evicted.length })
      return evicted
    },
  }
}
