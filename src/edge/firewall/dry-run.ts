import type { Firewall } from '../../enforce.ts'

/** Touches no firewall and says what it would do. */
export function createDryRun(say: (would: 'block' | 'unblock', ips: readonly string[]) => void): Firewall {
  let held = new Set<string>()
  const become = (ips: readonly string[]) => {
    const next = new Set(ips)
    const added = ips.filter(ip => !held.has(ip))
    const removed = [...held].filter(ip => !next.has(ip))
    if (removed.length > 0) say('unblock', removed)
    if (added.length > 0) say('block', added)
    held = next
  }
  return {
    async apply({ block, unblock }) {
      become([...[...held].filter(ip => !unblock.includes(ip)), ...block])
      return { done: true }
    },
    drift: async ips => (ips.length === held.size && ips.every(ip => held.has(ip)) ? undefined : 'dry run'),
    rebuild: async ips => become(ips),
    list: async () => [...held],
  }
}
