import type { Listen, Listening } from '../run-command.ts'

/** A listener that ended is started again after this many ms; until then there is no watch. */
const AGAIN = 5_000
const NONE: Listening = { pid: undefined, isRunning: () => false, write: () => {}, stop: () => {} }

type Parts = { isNft: () => Promise<boolean>; isOwn: (pid: number) => boolean; onChange: () => void }

/** Hears from the kernel when somebody changes the rules, so that they need not be read every few seconds. Only nf_tables tells it (and only
 *  where xtables-monitor is installed); with legacy iptables `isWatching` stays false. What the program with an own `pid` changed is not told. */
export function watchRules(listen: Listen, { isNft, isOwn, onChange }: Parts): { isWatching(): boolean; stop(): void } {
  let listening = NONE
  let isStopped = false

  async function start(): Promise<void> {
    if (!(await isNft()) || isStopped) return
    // Through a pipe it would keep its lines back; stdbuf makes it write them at once.
    listening = listen('stdbuf', ['-oL', 'xtables-monitor', '-e'], {
      onLine: line => {
        const [, pid] = /^NEWGEN: .*\bPID=(\d+)/.exec(line) ?? []
        if (pid !== undefined && !isOwn(Number(pid))) onChange()
      },
    })
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
