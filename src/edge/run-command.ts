import { spawn } from 'node:child_process'

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

/** Starts a program that runs until `stop`. A program that cannot be started ends at once. */
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

/** The only place that starts a program: an array of arguments, never a shell, a fixed PATH, killed after `timeout` ms.
 *  Throws CommandError when it cannot be started, fails or takes too long; output beyond 64 MiB counts as failure. A program that cannot be killed (its
 *  disk does not answer), or whose own children hold its output, is waited for no longer. */
export function createRun({ timeout }: { timeout: number }): Run {
  return (program, args, input) =>
    new Promise((resolve, reject) => {
      const child = spawn(program, args, {
        stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
        env: environment(),
        timeout,
        killSignal: 'SIGKILL',
      })
      const out = collect(child.stdout!)
      const err = collect(child.stderr!)
      // A child that exits before it has read its input makes the pipe fail: its exit status says why.
      child.stdin?.on('error', () => {})
      child.stdin?.end(input)
      const tooLong = `took longer than ${timeout} ms and was ended`
      const leave = setTimeout(() => {
        child.unref()
        for (const stream of child.stdio) stream?.destroy()
        reject(new CommandError(`${program} ${tooLong}`, { program }))
      }, timeout + PARTING)
      child.on('error', cause => {
        clearTimeout(leave)
        reject(new CommandError(`cannot run ${program}: ${cause.message}`, { program, cause }))
      })
      child.on('close', (status, signal) => {
        clearTimeout(leave)
        if (status === 0) return resolve(out())
        const stderr = err().trim()
        const how = signal === 'SIGKILL' ? tooLong : `failed with status ${status ?? signal}`
        reject(
          new CommandError(`${program} ${how}: ${stderr.split('\n').slice(-3).join(' / ').slice(0, 400)}`, {
            program,
            status: status ?? undefined,
            stderr,
          }),
        )
      })
    })
}

/** Makes a Listen under the same rules as createRun. */
export function createListen(): Listen {
  return (program, args, { onLine, onErrorLine, onEnd }) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: environment() })
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
    // It must not keep the process alive; when we are killed, its pipes break, and systemd ends the whole group.
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

function hearLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = ''
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('latin1')).split('\n')
    rest = lines.pop()!.slice(0, 4096)
    for (const line of lines) onLine(line)
  })
}

function environment(): Record<string, string> {
  const names = ['NOTIFY_SOCKET', 'XTABLES_LOCKFILE']
  const kept = Object.fromEntries(names.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]!]])))
  return { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', ...kept }
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = []
  let size = 0
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= 64 * 1024 * 1024) chunks.push(chunk)
  })
  return () => Buffer.concat(chunks).toString('latin1')
}
