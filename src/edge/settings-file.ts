import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse, TomlError } from 'smol-toml'
import { parseSettings, type Settings } from '../core/settings.ts'

export const DEFAULT_FILE = '/etc/modwarden/modwarden.toml'

/** What is wrong with the settings, all of it; the command ends with status 78. */
export class SettingsError extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

export type SettingsValues = { name: string; values: Readonly<Record<string, unknown>> }

/** Reads the settings file, then `conf.d/*.toml` beside it in order, then `more`. A named file must exist; without the default file the defaults hold.
 *  Throws SettingsError with every problem at once. */
export function loadSettings(named: string | undefined, more: readonly SettingsValues[] = []): Settings {
  const { files, problems } = readSettingsFiles(named)
  const settings = parseSettings([...files, ...more])
  if (!settings.ok) throw new SettingsError([...problems, ...settings.problems])
  if (problems.length > 0) throw new SettingsError(problems)
  return settings.value
}

/** Reads the values of each settings file in their order, unchecked, and what kept a file from being read. */
export function readSettingsFiles(named: string | undefined): { files: SettingsValues[]; problems: string[] } {
  const problems: string[] = []
  const files = settingsFiles(named ?? DEFAULT_FILE, named !== undefined, problems).flatMap(name => {
    try {
      return [{ name, values: parse(readFileSync(name, 'utf8')) as Record<string, unknown> }]
    } catch (error) {
      problems.push(`${name}${placeOf(error)}: ${firstLine(error)}`)
      return []
    }
  })
  return { files, problems }
}

/** Gives the path of the notifier's settings: beside the settings file. */
export function notifySettingsPath(named: string | undefined): string {
  return join(dirname(named ?? DEFAULT_FILE), 'notify.toml')
}

/** Reads `KEY=VALUE` as a command line has it: the value as TOML, or as the text that it is. */
export function parseAssignment(text: string): Readonly<Record<string, unknown>> | undefined {
  const [, key, value] = /^([a-z0-9_]+)=([^\n]*)$/.exec(text) ?? []
  if (key === undefined || value === undefined) return undefined
  try {
    return { [key]: parse(`value = ${value}`).value }
  } catch {
    return { [key]: value }
  }
}

function settingsFiles(path: string, mustExist: boolean, problems: string[]): string[] {
  const folder = join(dirname(path), 'conf.d')
  try {
    if (mustExist && !existsSync(path)) problems.push(`${path}: there is no such settings file`)
    const more = existsSync(folder)
      ? readdirSync(folder)
          .filter(name => name.endsWith('.toml'))
          .sort()
      : []
    return [...(existsSync(path) ? [path] : []), ...more.map(name => join(folder, name))]
  } catch (error) {
    problems.push(firstLine(error))
    return []
  }
}

function placeOf(error: unknown): string {
  return error instanceof TomlError ? `:${error.line}:${error.column}` : ''
}

// smol-toml draws the place of the error over several lines: what is wrong stands in the first.
function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!
}
