import { readFileSync } from 'node:fs'

/** The user that the service runs as. */
export const SERVICE_USER = 'modwarden'

// Node has it on every POSIX system; its type declarations leave it out.
const posix = process as unknown as { initgroups(user: string, extraGroup: number): void }

/** The user that the scoring server runs as. */
export const SCORE_USER = 'modwarden-score'

/** The user that the notifier runs as. */
export const NOTIFY_USER = 'modwarden-notify'

/** Gives up root for the service user (or another) where there is one, before anything that strangers may have written is opened. `extraGroup` is
 *  the number of a group that the process stays in. Returns the user's name, or undefined when nothing changed. Throws when the change is refused. */
export function dropToServiceUser(passwd = '/etc/passwd', { user = SERVICE_USER, extraGroup }: Drop = {}): string | undefined {
  if (process.getuid?.() !== 0) return undefined
  const line = readFileSync(passwd, 'latin1')
    .split('\n')
    .find(entry => entry.startsWith(`${user}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  if (uid === undefined || gid === undefined) return undefined
  posix.initgroups(user, extraGroup ?? Number(gid))
  process.setgid!(Number(gid))
  process.setuid!(Number(uid))
  return user
}

type Drop = { user?: string; extraGroup?: number | undefined }
