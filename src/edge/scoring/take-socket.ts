import { chmodSync, chownSync, linkSync, lstatSync, readFileSync, renameSync, rmSync, statSync, unlinkSync } from 'node:fs'
import { connect, type Server } from 'node:net'

/** Connections that wait to be accepted. Each takes about 0.15 ms: more could not be answered in time, and are better refused at once. */
const BACKLOG = 256

/** Makes a server listen on a unix socket that only its own user and `group` may use, mode 0660, and gives the function that removes it again.
 *  A socket that a dead process left behind is replaced; a live one is not: throws, as it does when the path is no socket or the group cannot be given. */
export async function listenOnSocket(server: Server, path: string, group: string): Promise<() => void> {
  const mine = `${path}.${process.pid}`
  rmSync(mine, { force: true })
  await listen(server, { path: mine, backlog: BACKLOG })
  try {
    giveToGroup(mine, group)
    chmodSync(mine, 0o660)
    await place(mine, path)
  } catch (error) {
    server.close()
    throw error
  } finally {
    rmSync(mine, { force: true })
  }
  const inode = statSync(path).ino
  return () => {
    // Another instance may have replaced it by now.
    if (statSync(path, { throwIfNoEntry: false })?.ino === inode) unlinkSync(path)
  }
}

/** Makes a server listen on a loopback address. */
export async function listenOnPort(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  await listen(server, { host, port, backlog: BACKLOG })
}

// A link, unlike a rename, never replaces: of two that start at once, one fails.
async function place(mine: string, path: string): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      return linkSync(mine, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined) continue
    if (!found.isSocket()) throw new Error(`${path} is no socket; remove it or set [score] socket`)
    if (await isAnswered(path)) throw taken(path)
    await putAside(path)
  }
  throw new Error(`cannot take ${path}: others take it again and again`)
}

async function putAside(path: string): Promise<void> {
  const aside = `${path}.stale.${process.pid}`
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  // Between the look and the rename another instance may have put its own there.
  const isAlive = await isAnswered(aside)
  if (isAlive) linkSync(aside, path)
  unlinkSync(aside)
  if (isAlive) throw taken(path)
}

function taken(path: string): Error {
  return new Error(`another scorer answers on ${path}; stop it first (systemctl stop modwarden-score)`)
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path)
    const end = (isAlive: boolean) => {
      socket.destroy()
      resolve(isAlive)
    }
    socket.once('connect', () => end(true))
    // A hung one has a full queue and gives EAGAIN: it lives.
    socket.once('error', error => end(!['ECONNREFUSED', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')))
  })
}

function giveToGroup(path: string, group: string): void {
  const gid = groupId(group)
  if (gid === undefined) throw new Error(`there is no group ${group}; set [score] group to the group of the web server`)
  if (statSync(path).gid === gid) return
  try {
    chownSync(path, -1, gid)
  } catch (error) {
    const remedy = `name it as SupplementaryGroups= of the unit (systemctl edit modwarden-score)`
    throw new Error(`cannot give ${path} to the group ${group}: ${(error as Error).message}; ${remedy}`, { cause: error })
  }
}

/** Gives the number of a group by its name or number. */
export function groupId(group: string, file = '/etc/group'): number | undefined {
  const line = readFileSync(file, 'latin1')
    .split('\n')
    .find(entry => entry.startsWith(`${group}:`))
  const id = line?.split(':')[2] ?? (/^\d{1,9}$/.test(group) ? group : undefined)
  return id === undefined ? undefined : Number(id)
}

function listen(server: Server, where: { path: string; backlog: number } | { host: string; port: number; backlog: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const name = 'path' in where ? where.path : `${where.host}:${where.port}`
    const failed = (cause: Error) => reject(new Error(`cannot listen on ${name}: ${cause.message}`, { cause }))
    server.once('error', failed)
    server.listen(where, () => {
      server.removeListener('error', failed)
      resolve()
    })
  })
}
