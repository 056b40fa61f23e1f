import { CommandError, type Listen, type Listening } from '../run-command.ts'

/** A commit that takes longer than this (ms) counts as failed. */
const TIMEOUT = 15_000

type Waiting = { mark: string; resolve: () => void; reject: (error: Error) => void }

export type RestorePipe = { prepare(): void; pid(): number | undefined; restore(script: string): Promise<void>; stop(): void }

/** Keeps one iptables-restore open, so that a block costs no start of a program. Each script ends with a comment, which `-v` prints once all
 *  before it was committed; a script that fails ends the program, and the next one starts another. One script at a time. */
export function createRestorePipe(listen: Listen, program: string): RestorePipe {
  let open: Listening | undefined
  let waiting: Waiting | undefined
  let number = 0

  function start(): Listening {
    const started = listen('stdbuf', ['-oL', program, '-w', '5', '--noflush', '-v'], {
      onLine: line => (line === waiting?.mark ? settle() : undefined),
      onEnd: ({ status, stderr }) => {
        if (open === started) open = undefined
        settle(new CommandError(`${program} failed with status ${status}: ${stderr.trim().slice(-400)}`, { program, status, stderr }))
      },
    })
    return started
  }

  function settle(error?: Error): void {
    const done = waiting
    waiting = undefined
    if (error === undefined) done?.resolve()
    else done?.reject(error)
  }

  return {
    /** Starts the program ahead of the first script. */
    prepare() {
      open ??= start()
    },
    pid: () => open?.pid,
    async restore(script) {
      open ??= start()
      const mark = `#modwarden ${++number}`
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      waiting = { mark, resolve, reject }
      const timer = setTimeout(() => {
        open?.stop()
        settle(new CommandError(`${program} took longer than ${TIMEOUT} ms and was ended`, { program }))
      }, TIMEOUT)
      open.write(`${script}${mark}\n`)
      await promise.finally(() => clearTimeout(timer))
    },
    stop: () => open?.stop(),
  }
}
