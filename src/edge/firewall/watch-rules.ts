import type { Listen, Listening, Run } from '../run-command.ts'

/** A listener that ended is started again after this many ms; until then there is no watch. */
const AGAIN = 5_000
const HELD: Listening = { isRunning: () => false, stop: () => {} }

/** Hears from the kernel when somebody changes the rules, so that they need not be read every few seconds. Only nf_tables tells it (and only
 *  where xtables-monitor is installed); with legacy iptables `isWatching` stays false. Changes of our own are told too. */
export function watchRules(listen: Listen, run: Run, onChange: () => void): { isWatching(): boolean; stop(): void } {
  let listening = HELD
  let isStopped = false

  async function start(): Promise<void> {
    const version = await run('iptables', ['-V']).catch(() => '')
    // Through a pipe it would keep its lines back; stdbuf makes it write them at once.
    if (version.includes('nf_tables') && !isStopped)
      listening = listen('stdbuf', ['-oL', 'xtables-monitor', '-e'], line => (line.startsWith('NEWGEN') ? onChange() : undefined))
  }

  void start()
  const timer = setInterval(() => (listening.isRunning() ? undefined : void start()), AGAIN)
  timer.unref()
  return {
    isWatching: () => listening.isRunning(),
    stop(): void {
      isStopped = true
      clearInterval(timer)
      listening.stop()
    },
  }
}
