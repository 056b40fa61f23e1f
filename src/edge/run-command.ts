import { spawn, spawnSync } from 'node:child_process'

/** Standard output of a program that ended well. */
export type Run = (program: string, args: readonly string[], input?: string) => Promise<string>

/** A program that runs on: it is told things and tells things, line by line. */
export type Listening = { pid: number | undefined; isRunning(): boolean; write(text: string): void; stop(): void }

/** What is heard with `onErrorLine` is not kept for `onEnd`. */
type Ears = {
  onLine: (line: string) => void
  onErrorLine?: (line: string) => void
  onEnd?: (end: { status: number | undefined; stderr: string }) => void
}

/** Starts a program that runs until `stop`, or until this process is gone. A program that cannot be started ends at once. */
export type Listen = (program: string, args: readonly string[], ears: Ears) => Listening

export class CommandError extends Error {
  readonly program: string
  readonly status: number | undefined
  readonly stderr: string
  constructor(message: string, details: { program: string; status?: number | undefined; stderr?: string; cause?: unknown }) {
    super(message, { cause: details.cause })
    this.program = details.program
    this.status = details.status
    this.stderr = details.stderr ?? ''
  }
}

/** What a killed program may need to be gone. */
const PARTING = 1000

type RunOptions = {
  timeout: number
  /** What else stands in the program's environment. */
  variables?: Readonly<Record<string, string>>
  /** A program of somebody else's choice: what it prints goes nowhere, and what it started ends with it when its time is up. */
  isForeign?: boolean
  /** Ends the program early. */
  signal?: AbortSignal
}

/** The only place that starts a program: an array of arguments, never a shell, a fixed PATH, killed after `timeout` ms.
 *  Throws CommandError when it cannot be started, fails or takes too long; output beyond 64 MiB counts as failure. A program that cannot be killed (its
 *  disk does not answer), or whose own children hold its output, is waited for no longer. */
export function createRun({ timeout, variables = {}, isForeign = false, signal }: RunOptions): Run {
  return (program, args, input) =>
    new Promise((resolve, reject) => {
      const child = spawn(program, args, {
        stdio: [input === undefined ? 'ignore' : 'pipe', isForeign ? 'ignore' : 'pipe', isForeign ? 'ignore' : 'pipe'],
        env: { ...(isForeign ? OWN : environment()), ...variables },
        detached: isForeign,
      })
      const out = collect(child.stdout)
      const err = collect(child.stderr)
      const kill = () => void (isForeign ? killGroup(child.pid) : child.kill('SIGKILL'))
      const tooLong = `took longer than ${timeout} ms and was ended`
      let isLate = false
      const timer = setTimeout(() => {
        isLate = true
        kill()
      }, timeout)
      const leave = setTimeout(() => {
        over()
        child.unref()
        for (const stream of child.stdio) stream?.destroy()
        reject(new CommandError(`${program} ${tooLong}`, { program }))
      }, timeout + PARTING)
      signal?.addEventListener('abort', kill, { once: true })
      const over = () => {
        clearTimeout(timer)
        clearTimeout(leave)
        signal?.removeEventListener('abort', kill)
      }
      if (signal?.aborted) kill()
      // A child that exits before it has read its input makes the pipe fail: its exit status says why.
      child.stdin?.on('error', () => {})
      child.stdin?.end(input)
      child.on('error', cause => {
        over()
        reject(new CommandError(`cannot run ${program}: ${cause.message}`, { program, cause }))
      })
      child.on('close', (status, by) => {
        over()
        if (status === 0 && !isLate) return resolve(out())
        const stderr = err().trim()
        const how = isLate ? tooLong : `failed with status ${status ?? by}`
        reject(
          new CommandError(`${program} ${how}: ${stderr.split('\n').slice(-3).join(' / ').slice(0, 400)}`, {
            program,
            status: isLate ? undefined : (status ?? undefined),
            stderr,
          }),
        )
      })
    })
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

/** Runs a program so that the kernel ends it when whoever started it dies, also by SIGKILL: one that waits for the kernel to tell something would
 *  not notice that nobody hears it. */
const LEASH = ['setpriv', '--pdeathsig', 'KILL']

/** Makes a Listen under the same rules as createRun. */
export function createListen(): Listen {
  let leash: readonly string[] | undefined
  return (program, args, { onLine, onErrorLine, onEnd }) => {
    // Found out by trying: there may be no setpriv, or one without that option (busybox), or it may not run, as in the sandbox of our unit (it sets
    // capabilities whatever it is asked for). There systemd ends what is left of a service.
    leash ??= canRun([...LEASH, 'true']) ? LEASH : []
    const [first, ...rest] = [...leash, program, ...args]
    const child = spawn(first!, rest, { stdio: ['pipe', 'pipe', 'pipe'], env: environment() })
    const stderr = onErrorLine === undefined ? collect(child.stderr) : () => ''
    let isRunning = true
    hearLines(child.stdout, onLine)
    if (onErrorLine !== undefined) hearLines(child.stderr, onErrorLine)
    child.stdin.on('error', () => {})
    const end = (status: number | undefined, problem: string) => {
      if (isRunning) onEnd?.({ status, stderr: problem })
      isRunning = false
    }
    child.on('error', error => end(undefined, error.message))
    child.on('close', status => end(status ?? undefined, stderr()))
    // It must not keep the process alive.
    child.unref()
    for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as unknown as { unref?: () => void }).unref?.()
    return {
      pid: child.pid,
      isRunning: () => isRunning,
      write: text => void child.stdin.write(text),
      stop: () => void child.kill('SIGKILL'),
    }
  }
}

function canRun([program, ...args]: readonly string[]): boolean {
  return spawnSync(program!, args, { stdio: 'ignore', env: environment(), timeout: 2000 }).status === 0
}

function hearLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = ''
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('latin1')).split('\n')
    rest = lines.pop()!.slice(0, 4096)
    for (const line of lines) onLine(line)
  })
}

const OWN = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }

function environment(): Record<string, string> {
  const names = ['NOTIFY_SOCKET', 'XTABLES_LOCKFILE']
  const kept = Object.fromEntries(names.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]!]])))
  return { ...OWN, ...kept }
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = []
  let size = 0
  stream?.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= 64 * 1024 * 1024) chunks.push(chunk)
  })
  return () => Buffer.concat(chunks).toString('latin1')
}
