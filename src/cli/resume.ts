import type { Command } from 'commander'
import { parseDuration } from '../core/duration.ts'
import { type Context, UsageError, withStore } from './context.ts'
import { iso, printJson, relative } from './output.ts'

type Options = { for: string; json?: true }

export function registerResume(program: Command, context: Context): void {
  program
    .command('resume')
    .description('go on with automatic blocking after the brake has paused it')
    .option('--for <duration>', 'how long nothing may pause it again: what is usual is learned anew meanwhile', '24h')
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  modwarden resume')
    .action((options: Options) => resume(context, options))
}

function resume(context: Context, options: Options): void {
  const span = parseDuration(options.for)
  if (span === undefined || !Number.isFinite(span))
    throw new UsageError(`--for: must be a duration such as 1h, 24h or 7d, got '${options.for}'`)
  const now = Date.now()
  const before = withStore(context.writer(), store =>
    store.transaction(() => {
      const state = store.brake.state()
      if (state.paused) store.brake.set({ paused: false, resumedUntil: now + span })
      return state
    }),
  )
  if (options.json) printJson([{ was_paused: before.paused, brake_armed_at: before.paused ? iso(now + span) : null }])
  else if (before.paused) process.stdout.write(`automatic blocking goes on; the brake is armed again ${relative(now + span, now)}\n`)
  else process.stdout.write('automatic blocking was not paused\n')
}
