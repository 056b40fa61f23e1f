import { CommandError, type Listen, type Listening } from '../run-command.ts'

/** A change that takes longer than this (ms) counts as failed. */
const TIMEOUT = 15_000

type Waiting = { mark: string; errors: string[]; resolve: () => void; reject: (error: Error) => void }

export type NftPipe = { prepare(): void; pid(): number | undefined; send(commands: readonly string[]): Promise<void>; stop(): void }

/** Keeps one `nft -i` open, so that a block costs no start of a program. It says nothing when a line was taken; so each line is followed by a word
 *  that it does not know, and its complaint about that word says that all before is done. One line, which is one transaction, at a time. */
export function createNftPipe(listen: Listen): NftPipe {
  let open: Listening | undefined
  let waiting: Waiting | undefined
  let number = 0
  // A version of nft that answers otherwise would cost the whole timeout at every block.
  let isDeaf = false

  function start(): Listening {
    const started = listen('nft', ['-i'], {
      onLine: () => {},
      onErrorLine: line => {
        if (line === waiting?.mark) settle(problemOf(waiting.errors))
        else waiting?.errors.push(line)
      },
      onEnd: ({ status }) => {
        if (open === started) open = undefined
        settle(`ended with status ${status}: ${(waiting?.errors ?? []).join(' / ').slice(-400)}`)
      },
    })
    return started
  }

  function settle(problem: string | undefined): void {
    const done = waiting
    waiting = undefined
    if (problem === undefined) done?.resolve()
    else done?.reject(new CommandError(`nft: ${problem}`, { program: 'nft', stderr: problem }))
  }

  return {
    prepare() {
      open ??= start()
    },
    pid: () => open?.pid,
    async send(commands) {
      if (isDeaf) throw new CommandError('this nft does not answer line by line', { program: 'nft' })
      open ??= start()
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      waiting = { mark: `modwarden_${++number}`, errors: [], resolve, reject }
      const timer = setTimeout(() => {
        isDeaf = true
        open?.stop()
        settle(`took longer than ${TIMEOUT} ms and was ended`)
      }, TIMEOUT)
      open.write(`${commands.join('; ')}\n${waiting.mark}\n`)
      await promise.finally(() => clearTimeout(timer))
    },
    stop: () => open?.stop(),
  }
}

/** The last complaint is the one about the mark. */
function problemOf(lines: readonly string[]): string | undefined {
  const errors = lines.filter(line => line.includes('Error:')).slice(0, -1)
  return errors.length === 0 ? undefined : lines.slice(0, 6).join(' / ').slice(0, 400)
}
