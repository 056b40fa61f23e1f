import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')

/** Writes a file with the folders above it, and gives its path. */
export function put(path: string, text: string, mode = 0o644): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

/** Writes a program that stands in for one of the system. */
export const putProgram = (folder: string, name: string, script: string): string =>
  put(join(folder, name), `#!/bin/bash\n${script}\n`, 0o755)

/** What a run of one of the scripts came to. */
export type Run = { status: number | null; said: string }

/** Runs scripts/install or scripts/uninstall, with stand-ins for programs of the system before the real ones. */
export function runScript(
  name: 'install' | 'uninstall',
  args: readonly string[],
  options: { path?: string; env?: NodeJS.ProcessEnv } = {},
): Run {
  const { path = process.env.PATH, env } = options
  // A stand-in that is to hit the script itself finds its number there.
  const shell = ['-c', 'export SCRIPT=$$; exec "$@" 2>&1', 'shell', join(ROOT, 'scripts', name), ...args]
  const { status, stdout, signal } = spawnSync('bash', shell, { encoding: 'utf8', env: { ...process.env, ...env, PATH: path } })
  return { status: signal === null ? status : -1, said: stdout }
}
