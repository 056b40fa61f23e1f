import type { Listen, Listening } from '../run-command.ts'

/** A listener that ended is started again after this many ms; until then there is no watch. */
const AGAIN = 5_000
/** A listener hears what comes this many ms after its start; what came before is to be looked for. */
const DEAF = 1_000
const NONE: Listening = { pid: undefined, isRunning: () => false, write: () => {}, stop: () => {} }

/** Who tells of changes, the lighter one first: nft reads all sets before it listens. */
const TELLERS = [
  ['xtables-monitor', '-e'],
  ['nft', 'monitor'],
]

type Parts = { isTold: () => boolean; isOwn: (pid: number) => boolean; onChange: () => void }

/** Hears from the kernel when somebody changes the rules, so that they need not be read every few seconds. Only nf_tables tells it; while `isTold`
 *  says no, nobody listens. What a program with an own `pid` changed is not told. */
export function watchRules(listen: Listen, { isTold, isOwn, onChange }: Parts): { isWatching(): boolean; stop(): void } {
  let listening = NONE
  let next = 0

  function start(): void {
    if (!isTold()) return
    // Through a pipe they would keep their lines back; stdbuf makes them write them at once.
    listening = listen('stdbuf', ['-oL', ...TELLERS[next]!], {
      onLine: line => {
        const [, one, other] = /^NEWGEN: .*\bPID=(\d+)|^# new generation \d+ by process (\d+)/.exec(line) ?? []
        const pid = one ?? other
        if (pid !== undefined && !isOwn(Number(pid))) onChange()
      },
      onEnd: () => {
        next = (next + 1) % TELLERS.length
      },
    })
    setTimeout(onChange, DEAF).unref()
  }

  start()
  const timer = setInterval(() => (listening.isRunning() ? undefined : start()), AGAIN)
  timer.unref()
  return {
    isWatching: () => listening.isRunning(),
    stop(): void {
      clearInterval(timer)
      listening.stop()
    },
  }
}
