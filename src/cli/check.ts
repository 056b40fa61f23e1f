import { accessSync, constants, existsSync } from 'node:fs'
import type { Command } from 'commander'
import type { Settings } from '../core/settings.ts'
import { loadModel } from '../edge/model-file.ts'
import { openReader } from '../edge/store/store.ts'
import type { Context } from './context.ts'

export function registerCheck(program: Command, context: Context): void {
  program
    .command('check')
    .description('read the settings, the model and the database, and say every problem at once')
    .addHelpText('after', '\nExample:\n  modwarden --config ./modwarden.toml check')
    .action(() => check(context))
}

function check(context: Context): void {
  const settings = context.settings()
  const problems = [...modelProblems(settings), ...databaseProblems(settings)]
  for (const problem of problems) process.stderr.write(`modwarden: ${problem}\n`)
  for (const note of settings.auditLogs.flatMap(logNotes)) process.stdout.write(`note: ${note}\n`)
  if (problems.length > 0) process.exitCode = 1
  else
    process.stdout.write(
      `settings, model and database are fine; mode ${settings.mode}, ${settings.auditLogs.length === 1 ? '1 audit log' : `${settings.auditLogs.length} audit logs`}\n`,
    )
}

function modelProblems({ modelDir }: Settings): string[] {
  const model = loadModel(modelDir)
  return model.ok ? [] : [model.problem]
}

function databaseProblems({ database }: Settings): string[] {
  if (!existsSync(database)) return []
  try {
    const store = openReader(database)
    try {
      store.check()
    } finally {
      store.close()
    }
    return []
  } catch (error) {
    return [`${database}: ${(error as Error).message}`]
  }
}

// A log that is not there yet is waited for: worth a word, no problem.
function logNotes(path: string): string[] {
  try {
    accessSync(path, constants.R_OK)
    return []
  } catch (error) {
    return [
      (error as NodeJS.ErrnoException).code === 'ENOENT'
        ? `${path} is not there yet; it is waited for`
        : `${path} cannot be read by this user: ${(error as Error).message}`,
    ]
  }
}
