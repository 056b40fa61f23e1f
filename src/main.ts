import { CommanderError } from 'commander'
import { messageOf, UsageError } from './cli/context.ts'
import { createFrame } from './cli/frame.ts'
import { registerNamed } from './cli/program.ts'
import { SettingsError } from './edge/settings-file.ts'

const frame = createFrame()
const { program } = frame
await registerNamed(frame, process.argv.slice(2))

// A pipe that was closed early (| head) is no failure.
process.stdout.on('error', error => {
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(0)
  process.stderr.write(`modwarden: cannot write the output: ${error.message}\n`)
  process.exit(1)
})

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = tell(error)
}
// The resolver of the system cannot be told to stop: what it still looks up must not hold up the end.
if (program.args[0] === 'notify') process.exit()

/** Says what went wrong in one sentence and gives the exit status. */
function tell(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 64
  if (error instanceof SettingsError) {
    process.stderr.write(error.problems.map(problem => `modwarden: ${problem}\n`).join(''))
    return 78
  }
  process.stderr.write(`modwarden: ${messageOf(error)}\n`)
  return error instanceof UsageError ? 64 : 1
}
