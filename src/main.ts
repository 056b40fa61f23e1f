import { Command, CommanderError } from 'commander'
import { registerAllow } from './cli/allow.ts'
import { registerBlock } from './cli/block.ts'
import { registerBlocks } from './cli/blocks.ts'
import { registerCheck, settingsProblems } from './cli/check.ts'
import { createContext, UsageError } from './cli/context.ts'
import { registerDoctor } from './cli/doctor.ts'
import { registerEvaluate } from './cli/evaluate.ts'
import { registerEvents } from './cli/events.ts'
import { registerExpire } from './cli/expire.ts'
import { registerExplain } from './cli/explain.ts'
import { registerFalsePositive } from './cli/false-positive.ts'
import { registerFeeds } from './cli/feeds.ts'
import { registerFlush } from './cli/flush.ts'
import { registerModels } from './cli/models.ts'
import { registerObserved } from './cli/observed.ts'
import { registerParse } from './cli/parse.ts'
import { registerReplay } from './cli/replay.ts'
import { registerReport } from './cli/report.ts'
import { registerResume } from './cli/resume.ts'
import { registerRun } from './cli/run.ts'
import { registerScore } from './cli/score.ts'
import { registerServe } from './cli/serve.ts'
import { registerStatus } from './cli/status.ts'
import { registerTrain } from './cli/train.ts'
import { dropToServiceUser } from './edge/drop-user.ts'
import { SettingsError } from './edge/settings-file.ts'
import { VERSION } from './version.ts'

/** These need root and open nothing that strangers wrote, or give it up for a user of their own, in a process of its own if need be. */
const STAY_ROOT = ['doctor', 'flush', 'serve']

const program = new Command('modwarden')
  .description('Threat response for web servers that run ModSecurity: from the audit log to DROP rules and back.')
  .version(VERSION)
  .option('--config <file>', 'settings file (default: /etc/modwarden/modwarden.toml, or MODWARDEN_CONFIG)')
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'modwarden: ')) })
  .hook('preAction', (_, command) => {
    if (!STAY_ROOT.includes(command.name())) dropToServiceUser()
  })

const context = createContext(() => program.opts<{ config?: string }>().config ?? process.env.MODWARDEN_CONFIG)
const model = { modelDir: () => context.settings().modelDir }

registerRun(program, context)
registerServe(program, context)
registerCheck(program, context)
registerStatus(program, context)
registerDoctor(program, context)
registerBlocks(program, context)
registerBlock(program, context)
registerAllow(program, context)
registerFeeds(program, context)
registerResume(program, context)
registerObserved(program, context)
registerEvents(program, context)
registerExplain(program, context)
registerFalsePositive(program, context)
registerReport(program, context)
registerParse(program)
registerReplay(program, context)
registerScore(program, model)
registerTrain(program, context)
registerEvaluate(program, model)
registerModels(program, model)
registerFlush(program)
registerExpire(program, context)
for (const command of program.commands) command.exitOverride().configureOutput(program.configureOutput())

// A pipe that was closed early (| head) is no failure.
process.stdout.on('error', error => {
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(0)
  throw error
})

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = tell(error)
}

/** Says what went wrong in one sentence and gives the exit status. */
function tell(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 64
  if (error instanceof SettingsError) {
    process.stderr.write(settingsProblems(error))
    return 78
  }
  process.stderr.write(`modwarden: ${error instanceof Error ? error.message : String(error)}\n`)
  return error instanceof UsageError ? 64 : 1
}
