import { readFileSync } from 'node:fs'

/** The user that the service runs as. */
export const SERVICE_USER = 'modwarden'

// Node has it on every POSIX system; its type declarations leave it out.
const posix = process as unknown as { initgroups(user: string, extraGroup: number): void }

/** Gives up root for the service user where there is one, before anything that strangers may have written is opened.
 *  Returns the user's name, or undefined when nothing changed. Throws when the change is refused. */
export function dropToServiceUser(passwd = '/etc/passwd'): string | undefined {
  if (process.getuid?.() !== 0) return undefined
  const line = readFileSync(passwd, 'latin1')
    .split('\n')
    .find(entry => entry.startsWith(`${SERVICE_USER}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  if (uid === undefined || gid === undefined) return undefined
  posix.initgroups(SERVICE_USER, Number(gid))
  process.setgid!(Number(gid))
  process.setuid!(Number(uid))
  return SERVICE_USER
}
