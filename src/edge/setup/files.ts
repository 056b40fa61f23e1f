import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Access } from '../../core/setup/types.ts'
import { UNFINISHED, writeWhole } from '../write-whole.ts'

/** Reads a text with one character a byte, so that what nobody changes stays as it is in any encoding; undefined when there is no such file. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

/** Owner and permissions of what is at a path; null when nothing is. */
export function accessOf(path: string): Access | null {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat === undefined ? null : { uid: stat.uid, gid: stat.gid, mode: stat.mode & 0o7777 }
}

/** Gives what is at a path to its owner, with its permissions. */
export function setAccess(path: string, { uid, gid, mode }: Access): void {
  chownSync(path, uid, gid)
  // Behind the owner: a change of that takes set-group-id away.
  chmodSync(path, mode)
}

/** Finds where a file really is, when its path is a link. Throws when that is a place of the packages, in which setup changes nothing. */
export function realPlace(path: string): string {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return path
  const place = existsSync(path) ? realpathSync(path) : undefined
  if (place === undefined) throw new Error(`${path} is a link to nothing; remove it and run this again`)
  if (place.startsWith('/usr/'))
    throw new Error(`${path} is a link to ${place}, which belongs to a package; replace it by a copy and run this again`)
  return place
}

/** Writes a text of one byte a character as a whole; a file that is there keeps its owner and permissions. */
export function writeText(path: string, text: string, access: Access): void {
  const { mode, uid, gid } = accessOf(path) ?? access
  writeWhole(path, Buffer.from(text, 'latin1'), { mode, owner: { uid, gid } })
}

/** Makes a folder, with these permissions whatever the umask. */
export function makeFolder(path: string, mode: number): void {
  mkdirSync(path, { recursive: true })
  chmodSync(path, mode)
}

/** Names the folders above a path that are not there yet, the outermost first. */
export function missingFolders(path: string): string[] {
  const missing: string[] = []
  for (let folder = dirname(path); !existsSync(folder); folder = dirname(folder)) missing.unshift(folder)
  return missing
}

/** Removes what an interrupted run has left of a file that it was writing. */
export function sweep(path: string): void {
  const folder = dirname(path)
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder))
    if (UNFINISHED.test(name) && name.startsWith(`.${basename(path)}.`)) rmSync(join(folder, name), { force: true })
}
