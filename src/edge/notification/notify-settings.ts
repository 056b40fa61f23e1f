import { readFileSync, statSync } from 'node:fs'
import { parse, TomlError } from 'smol-toml'
import type { Kind } from '../../core/notification/notices.ts'
import { hasChannel, type NotifySettings, parseNotifySettings } from '../../core/settings-notify.ts'
import type { Log } from '../log.ts'
import { NOT_THERE, stampOf } from '../scoring/stamp.ts'
import { SettingsError } from '../settings-file.ts'

/** Reads the notifier's settings; without the file the defaults hold. Throws SettingsError with every problem at once, and nothing of the file in it but
 *  names of keys. */
export function loadNotifySettings(path: string): NotifySettings {
  const settings = parseNotifySettings(readValues(path))
  if (!settings.ok) throw new SettingsError(settings.problems)
  return settings.value
}

/** Says what about the file's permissions wants attention; undefined for nothing. */
export function exposure(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  return found !== undefined && (found.mode & 0o007) !== 0
    ? `${path} may hold secrets, and every user can read it; chown root:modwarden-notify ${path}; chmod 640 ${path}`
    : undefined
}

/** Keeps what somebody wants to be told of, as the settings of the notifier say: nothing where they are wrong, for they must not stop the daemon. */
export function openWanted(path: string, log: Log): { kinds(): ReadonlySet<Kind>; refresh(): void } {
  let stamp: string | undefined
  let kinds: ReadonlySet<Kind> = new Set()
  function read(): ReadonlySet<Kind> {
    try {
      const settings = loadNotifySettings(path)
      return new Set(hasChannel(settings) ? settings.on : [])
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error
      log.warn('notifications.off', { problems: [...error.problems], remedy: 'see modwarden check' })
      return new Set()
    }
  }
  const wanted = {
    kinds: () => kinds,
    /** Looks whether the file has changed. */
    refresh(): void {
      const now = stampOf(path)
      if (now === stamp) return
      stamp = now
      kinds = now === NOT_THERE ? new Set() : read()
    },
  }
  wanted.refresh()
  return wanted
}

function readValues(path: string): { name: string; values: Record<string, unknown> }[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new SettingsError([
      `${path}: cannot be read: ${(error as NodeJS.ErrnoException).code}; chown root:modwarden-notify ${path}; chmod 640 ${path}`,
    ])
  }
  try {
    return [{ name: path, values: parse(text) as Record<string, unknown> }]
  } catch (error) {
    // The first line says what is wrong; the others show the place, and what stands there may be a secret.
    const place = error instanceof TomlError ? `:${error.line}:${error.column}` : ''
    throw new SettingsError([`${path}${place}: ${(error as Error).message.split('\n', 1)[0]}`])
  }
}
