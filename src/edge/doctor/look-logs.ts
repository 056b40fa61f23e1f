import { accessSync, type BigIntStats, closeSync, constants, fstatSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { FileFacts, LogFacts } from '../../core/doctor/facts.ts'
import { siblingPaths } from '../follow/siblings.ts'
import { diskOf } from './disk.ts'
import { readTail, type TailOptions } from './log-end.ts'

/** Looks at the audit logs as who we are. */
export async function lookAtLogs({ logs, ...options }: { logs: readonly string[] } & TailOptions): Promise<LogFacts[]> {
  const found: LogFacts[] = []
  for (const path of logs) found.push(await lookAtLog(path, logs, options))
  return found
}

async function lookAtLog(path: string, logs: readonly string[], options: TailOptions): Promise<LogFacts> {
  const disk = diskOf(dirname(path))
  let fd: number | undefined
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    const file = toFacts(fstatSync(fd, { bigint: true }))
    const tail = file.kind === 'file' ? await readTail(fd, path, options) : undefined
    return { path, file, problem: undefined, tail, hasRotated: siblingPaths(path, logs).some(isFilled), disk }
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    const at = code === 'EACCES' || code === 'EPERM' ? whatForbids(path) : path
    return { path, file: statOf(at), problem: { code, message, at }, tail: undefined, hasRotated: false, disk }
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

function toFacts(stats: BigIntStats): FileFacts {
  return {
    kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other',
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: Number(stats.size),
    mtime: Number(stats.mtimeNs / 1_000_000n),
    device: String(stats.dev),
    inode: String(stats.ino),
  }
}

/** The first folder on the way that may not be passed, or the path itself. */
function whatForbids(path: string): string {
  const folders = path
    .split('/')
    .slice(1, -1)
    .map((_, index, parts) => `/${parts.slice(0, index + 1).join('/')}`)
  return folders.find(folder => !mayPass(folder)) ?? path
}

function mayPass(folder: string): boolean {
  try {
    accessSync(folder, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function statOf(path: string): FileFacts | undefined {
  try {
    return toFacts(statSync(path, { bigint: true }))
  } catch {
    return undefined
  }
}

function isFilled(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0
}
