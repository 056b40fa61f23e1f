import { execFileSync } from 'node:child_process'
import { createRun, type Run } from '../src/edge/run-command.ts'

/** Why tests in a network namespace cannot run here; undefined when they can. */
export function whyNoNamespace(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root to make a network namespace'
  for (const program of ['ip', 'iptables', 'ip6tables']) {
    try {
      execFileSync(program, ['-V'], { stdio: 'ignore', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } })
    } catch {
      return `needs the program ${program} (scripts/setup-debian installs it)`
    }
  }
  return undefined
}

let number = 0

/** Makes a network namespace of the test's own; the host's firewall is never touched. */
export function createNamespace(): { name: string; run: Run; remove(): void } {
  const name = `modwarden-${process.pid}-${number++}`
  const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  ip('netns', 'add', name)
  ip('-n', name, 'link', 'set', 'lo', 'up')
  const run = createRun({ timeout: 20_000 })
  return {
    name,
    run: (program, args, input) => run('ip', ['netns', 'exec', name, program, ...args], input),
    remove: () => void ip('netns', 'delete', name),
  }
}
