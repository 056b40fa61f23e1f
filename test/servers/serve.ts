import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { until } from '../until.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** The settings of a scoring server in a folder of a test's own, for the web servers' group. */
export function scoreSettings(folder: string): string {
  return `[score]\nsocket = "${scoreSocket(folder)}"\ngroup = "www-data"\nstate_dir = "${folder}/state"`
}

export function scoreSocket(folder: string): string {
  return join(folder, 'run/score.sock')
}

/** Runs `modwarden serve`, and waits until it answers. */
export async function startServe(folder: string, config: string): Promise<{ text: () => string; stop(): Promise<void> }> {
  for (const name of ['run', 'state']) mkdirSync(join(folder, name), { recursive: true, mode: 0o755 })
  const child = spawn(process.execPath, [MAIN, '--config', config, 'serve'])
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  await until('the scorer has started', () => text.includes('"scorer.started"') || hasEnded(), 20_000)
  if (hasEnded()) throw new Error(`the scorer ended: ${text}`)
  return {
    text: () => text,
    async stop() {
      child.kill('SIGTERM')
      await until('the scorer has ended', hasEnded)
    },
  }
}
