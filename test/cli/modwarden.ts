import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

export const SCRIPT = fileURLToPath(new URL('../../scripts/modwarden', import.meta.url))

/** Makes a folder that the command can use too, also when it gives up root for the service user. */
export function openFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), name))
  chmodSync(folder, 0o777)
  return folder
}

/** Runs the command as a user does, and waits for its end. */
export async function modwarden(args: readonly string[], input: Buffer | string = '') {
  const child = spawn(SCRIPT, args, { cwd: '/', env: { ...process.env, MODWARDEN_CONFIG: undefined } })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  const lines = out.split('\n').filter(line => line !== '')
  return { code: child.exitCode, out, errors, objects: () => lines.map(line => JSON.parse(line)) }
}
