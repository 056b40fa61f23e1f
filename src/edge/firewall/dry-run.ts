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
    backend: () => 'dry-run',
    async apply({ block, unblock }) {
      become([...[...held].filter(ip => !unblock.includes(ip)), ...block.map(({ ip }) => ip)])
      return { done: true }
    },
    drift: async ({ blocks }) => (blocks.length === held.size && blocks.every(({ ip }) => held.has(ip)) ? undefined : 'dry run'),
    rebuild: async ({ blocks }) => become(blocks.map(({ ip }) => ip)),
    list: async () => [...held],
    remove: async () => false,
  }
}
