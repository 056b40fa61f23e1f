import { CommandError, createRun } from '../run-command.ts'
import type { Channel } from './channel.ts'

/** Makes the channel that starts a program for each notification: JSON on standard input, one line of text in MODWARDEN_TEXT. Whatever it prints is let go. */
export function createCommand([program = '', ...args]: readonly string[], { timeout = 30_000 } = {}): Channel {
  return {
    name: `command ${program}`,
    async send(payload, signal) {
      const run = createRun({ timeout, variables: { MODWARDEN_TEXT: payload.text }, isForeign: true, signal })
      try {
        await run(program, args, `${JSON.stringify(payload)}\n`)
        return { ok: true, detail: 'ended with status 0' }
      } catch (error) {
        return { ok: false, problem: describe(error) }
      }
    },
  }
}

function describe(error: unknown): string {
  if (!(error instanceof CommandError)) return String(error)
  const code = (error.cause as NodeJS.ErrnoException | undefined)?.code
  if (code !== undefined) return `it cannot be started: ${code}`
  return error.status === undefined ? 'it took too long and was ended' : `it ended with status ${error.status}`
}
