import { widerNetworks } from './core/bounds.ts'
import type { Settings } from './core/settings.ts'
import type { Millis } from './core/types.ts'
import { withoutPasses } from './core/wanted.ts'
import { createDeniedFile, MOST_DENIED } from './edge/denied-file.ts'
import type { Store } from './edge/store/store.ts'
import type { Health } from './health.ts'
import type { Narrate } from './narrate.ts'

type Parts = {
  store: Store
  settings: () => Settings
  allowed: { isWhollyAllowed(ip: string): boolean; networks(): readonly string[]; refresh(): boolean }
  narrate: Narrate
  health: Health
  clock: () => Millis
  /** Told when blocks or what is allowed came or went. */
  onChange: () => void
}

export type Keeper = ReturnType<typeof createKeeper>

/** Makes what the daemon does about its rows beyond the firewall: ends the blocks of addresses that have become allowed, keeps the file for
 *  the scoring server, and tells of the brake. */
export function createKeeper({ store, settings, allowed, narrate, health, clock, onChange }: Parts) {
  const deniedFile = createDeniedFile()
  let known = new Map(store.allow.standing(clock()).map(row => [row.network, row]))
  let hasChanged = true
  let isPaused = false
  /** Not all blocks of what is allowed are lifted: the database took nothing just then. */
  let isReleasing = false

  function changed(): void {
    hasChanged = true
    onChange()
  }

  function releaseAllowed(): void {
    isReleasing = true
    changed()
    for (const { ip } of store.blocks.allActive(clock())) {
      // Of a network that only holds something allowed, that part passes.
      if (!allowed.isWhollyAllowed(ip)) continue
      store.transaction(() => {
        store.blocks.release(ip, clock(), 'allowlist')
        // Should it be allowed no longer, it starts anew.
        store.blocks.forgive(ip)
        store.threats.forgive(ip)
      })
      narrate.unblocked(ip, 'allowlist')
    }
    isReleasing = false
  }

  return {
    releaseAllowed,

    /** Makes the rows that commands wrote fit the mode of the running daemon. */
    fitMode: (): void => store.blocks.switchTo(settings().mode),

    /** Tells when the brake has paused automatic blocking or somebody has resumed it. */
    lookAtBrake(): void {
      const state = store.brake.state()
      if (state.paused === isPaused) return
      isPaused = state.paused
      if (state.paused) narrate.braked(state)
      else narrate.resumed(state.resumedUntil)
      health.note('brake', state.paused ? 'automatic blocking is paused; modwarden resume goes on' : undefined)
    },

    /** Takes up what `modwarden allow` wrote or what of it is over, and lifts the blocks of what is allowed now; also those that could not be lifted
     *  before. */
    refreshAllowed(): void {
      const standing = new Map(store.allow.standing(clock()).map(row => [row.network, row]))
      const added = [...standing.values()].filter(row => known.get(row.network)?.added_at !== row.added_at)
      const ended = [...known.keys()].filter(network => !standing.has(network))
      known = standing
      if (added.length + ended.length > 0) {
        narrate.allowed(added, ended)
        isReleasing = allowed.refresh() || isReleasing
      }
      if (isReleasing) releaseAllowed()
    },

    /** Notes that blocks came or went. */
    changed,

    /** Brings the file of refused addresses up to date; call it every second or so. */
    writeDenied(): void {
      if (!hasChanged) return
      const { deniedFile: path, trustedProxies, firewall } = settings()
      // Who is dropped when he comes by himself must not walk in through the proxy.
      const blocks = firewall === 'dry-run' ? [] : store.blocks.denied(clock(), { all: trustedProxies.length > 0, most: MOST_DENIED })
      // The scoring server knows no allowlist: what passes inside a blocked network must not stand there.
      const holding = new Set(allowed.networks().flatMap(widerNetworks))
      const rows = blocks.flatMap(block =>
        holding.has(block.ip) ? withoutPasses(block.ip, allowed.networks()).map(ip => ({ ...block, ip })) : block,
      )
      try {
        deniedFile.update(path, rows.slice(0, MOST_DENIED), trustedProxies.length > 0)
        hasChanged = false
        health.recovered('denied_file')
      } catch (error) {
        health.failed('denied_file', `${(error as Error).message}; who is blocked behind a proxy is not refused`)
      }
    },
  }
}
