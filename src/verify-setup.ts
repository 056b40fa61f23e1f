import { randomBytes } from 'node:crypto'
import type { Listener } from './core/setup/addresses.ts'
import { AUDIT_FOLDER, AUDIT_LOG } from './core/setup/layout.ts'
import type { Facts } from './core/setup/types.ts'
import { writableBy } from './core/setup/writable.ts'
import type { Run } from './edge/run-command.ts'
import { askServer } from './edge/setup/ask-server.ts'
import { accessOf } from './edge/setup/files.ts'
import { endOf, type Place, waitForDaemon, waitForText } from './edge/setup/watch-log.ts'

const PATIENCE = 10_000
const SILENCE = 3_000
const ROUND = 500

/** Names the addresses at which a server answers. */
export async function answering(all: readonly Listener[]): Promise<Listener[]> {
  const answers = await Promise.all(all.map(listener => askServer(listener, '/')))
  return all.filter((_, index) => answers[index] !== undefined)
}

/** Asks the server for a page that is not there, until that stands in the audit log, and gives the place behind it;
 *  undefined when it does not within 10 seconds, or when nobody has answered for 3. */
export async function seeEntry(all: readonly Listener[]): Promise<Place | undefined> {
  const from = endOf(AUDIT_LOG)
  if (from === undefined || all.length === 0) return undefined
  const mark = `modwarden-setup-${randomBytes(8).toString('hex')}`
  const began = performance.now()
  let answeredAt = began
  while (performance.now() - began < PATIENCE && performance.now() - answeredAt < SILENCE) {
    const answers = await Promise.all(all.map(listener => askServer(listener, `/${mark}.bak`)))
    if (answers.some(status => status !== undefined)) answeredAt = performance.now()
    const found = await waitForText(AUDIT_LOG, mark, from, ROUND)
    if (found !== undefined) return found
  }
  return undefined
}

/** Says whether the daemon has read the log beyond a place, within 10 seconds. */
export function hasRead(place: Place, run: Run, config: string | undefined): Promise<boolean> {
  const command = [process.execPath, process.argv[1]!, ...(config === undefined ? [] : ['--config', config])]
  return waitForDaemon(AUDIT_LOG, place, { run, command, patience: PATIENCE })
}

/** Names what on the way to the audit log the web server's user could write to, as it is now. */
export function writableWay({ user }: Facts): string[] {
  if (user === undefined) return []
  const way = ['/', '/var', '/var/log', AUDIT_FOLDER, AUDIT_LOG].flatMap(path => {
    const access = accessOf(path)
    return access === null ? [] : [{ ...access, path, isFolder: path !== AUDIT_LOG }]
  })
  return writableBy(way, user)
}
