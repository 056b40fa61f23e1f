import type { Settings } from '../core/settings.ts'
import { SERVICE_USER } from '../edge/drop-user.ts'
import { loadSettings, notifySettingsPath, type SettingsValues } from '../edge/settings-file.ts'
import { isCorruption, openReader, openStore, type Store } from '../edge/store/store.ts'

/** What every command may need; nothing is read before it is asked for. */
export type Context = {
  settings: (more?: readonly SettingsValues[]) => Settings
  /** Where the notifier's settings stand. */
  notifyPath: () => string
  /** The settings file that was named; undefined for the default one. */
  settingsFile: () => string | undefined
  reader: () => Store
  writer: () => Store
}

export function createContext(configPath: () => string | undefined): Context {
  const settings = (more?: readonly SettingsValues[]) => loadSettings(configPath(), more)
  return {
    settings,
    notifyPath: () => notifySettingsPath(configPath()),
    settingsFile: configPath,
    reader: () => readable(settings().database, () => openReader(settings().database)),
    writer: () => readable(settings().database, () => openStore(settings().database, { create: false })),
  }
}

/** A command that was used wrongly; it ends with status 64. */
export class UsageError extends Error {}

/** Runs `work` on a store and closes it whatever happens. */
export function withStore<T>(store: Store, work: (store: Store) => T): T {
  try {
    return work(store)
  } finally {
    store.close()
  }
}

/** Says what went wrong. What SQLite says of the database itself, wherever a command meets it, names neither the file nor what to do. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  if (isCorruption(error))
    return `the database is damaged; 'systemctl restart modwarden' sets it aside and takes over the blocks that stood: ${message}`
  const isReadOnly = String((error as { code?: unknown } | null)?.code).startsWith('SQLITE_READONLY')
  return isReadOnly ? `cannot write the database: ${message}; run it as root or as ${SERVICE_USER}` : message
}

function readable(path: string, open: () => Store): Store {
  try {
    return open()
  } catch (error) {
    const code = (error as { code?: string }).code ?? ''
    if (code.startsWith('SQLITE_CANTOPEN') || code.startsWith('SQLITE_READONLY') || code === 'EACCES') {
      throw new Error(
        `cannot open ${path}: ${(error as Error).message}; run it as root, as ${SERVICE_USER} or (to read) as a member of the group adm`,
        { cause: error },
      )
    }
    throw error
  }
}
