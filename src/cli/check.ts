import { accessSync, constants, existsSync } from 'node:fs'
import type { Command } from 'commander'
import type { Settings } from '../core/settings.ts'
import type { NotifySettings } from '../core/settings-notify.ts'
import { loadModel } from '../edge/model-file.ts'
import { exposure, loadNotifySettings } from '../edge/notification/notify-settings.ts'
import { SettingsError } from '../edge/settings-file.ts'
import { openReader } from '../edge/store/store.ts'
import type { Context } from './context.ts'

export function registerCheck(program: Command, context: Context): void {
  program
    .command('check')
    .description('read the settings, the model and the database, and say every problem at once')
    .addHelpText('after', '\nExample:\n  modwarden --config ./modwarden.toml check')
    .action(() => check(context, context.notifyPath()))
}

function check(context: Context, notifyPath: string): void {
  const [settings, notify] = allOf(context.settings, () => loadNotifySettings(notifyPath))
  const problems = [...modelProblems(settings), ...databaseProblems(settings)]
  for (const problem of problems) process.stderr.write(`modwarden: ${problem}\n`)
  for (const note of [...settings.auditLogs.flatMap(logNotes), ...notifyNotes(notify, notifyPath)]) process.stdout.write(`note: ${note}\n`)
  if (problems.length > 0) process.exitCode = 1
  else
    process.stdout.write(
      `settings, model and database are fine; mode ${settings.mode}, ${settings.auditLogs.length === 1 ? '1 audit log' : `${settings.auditLogs.length} audit logs`}\n`,
    )
}

/** Reads both files of settings before it says what is wrong with either. */
function allOf(readSettings: () => Settings, readNotify: () => NotifySettings): [Settings, NotifySettings] {
  const problems: string[] = []
  const read = <T>(load: () => T): T | undefined => {
    try {
      return load()
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error
      problems.push(...error.problems)
      return undefined
    }
  }
  const settings = read(readSettings)
  const notify = read(readNotify)
  if (settings === undefined || notify === undefined) throw new SettingsError(problems)
  return [settings, notify]
}

function notifyNotes({ webhook, webhookHeader }: NotifySettings, path: string): string[] {
  const exposed = exposure(path)
  const isOpen = webhook?.protocol === 'http:' && !/^(?:localhost|127\.[0-9.]+|\[::1\])$/.test(webhook.hostname)
  const what = webhookHeader === undefined ? 'the notifications' : 'the notifications and notify.webhook_header'
  return [
    ...(exposed === undefined ? [] : [exposed]),
    ...(isOpen ? [`notify.webhook goes over http to ${webhook.hostname}: everybody on the way can read ${what}; use https`] : []),
  ]
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
