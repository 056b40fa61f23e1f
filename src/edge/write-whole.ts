import { chmodSync, chownSync, closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** For the group too: the folder gives its files to the group of the scoring server, which runs under another user. */
const MODE = 0o640
let written = 0

type Access = { mode?: number; owner?: { uid: number; gid: number } }

/** What a file is called until it is whole. */
export const UNFINISHED = /^\.[^/]+\.new$/

/** Writes a file so that nobody ever sees half of it, also after a loss of power and with several processes at once. `access` gives it to somebody
 *  else, or other permissions than 0640. */
export function writeWhole(path: string, text: string | Buffer, access: Access = {}): void {
  const { mode = MODE, owner } = access
  const unfinished = join(dirname(path), `.${basename(path)}.${process.pid}-${written++}.new`)
  try {
    writeFileSync(unfinished, text, { mode: mode & 0o600, flush: true, flag: 'wx' })
    if (owner !== undefined) chownSync(unfinished, owner.uid, owner.gid)
    // Whatever the umask.
    chmodSync(unfinished, mode)
    renameSync(unfinished, path)
  } catch (error) {
    rmSync(unfinished, { force: true })
    const { code, message } = error as NodeJS.ErrnoException
    // A full disk does not say which file it has no room for.
    throw Object.assign(new Error(`cannot write ${path}: ${message}`, { cause: error }), { code })
  }
  syncFolder(dirname(path))
}

/** Removes a file for good; one that is not there is gone already. */
export function removeWhole(path: string): void {
  rmSync(path, { force: true })
  syncFolder(dirname(path))
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
