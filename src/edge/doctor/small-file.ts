import { closeSync, constants, fstatSync, openSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { globExpression } from '../../core/doctor/logrotate.ts'
import type { ConfigFiles } from '../../core/doctor/web-config.ts'
import type { Result } from '../../core/types.ts'
import { readAt } from '../follow/fingerprint.ts'

const MOST_BYTES = 4 * 2 ** 20
const MOST_FILES = 3000
const MOST_ALL_BYTES = 64 * 2 ** 20

/** Reads a regular file of at most `most` bytes, one character a byte. Never waits for a pipe or a device. */
export function readSmall(path: string, most = MOST_BYTES): Result<string> {
  let fd: number | undefined
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    const file = fstatSync(fd)
    if (!file.isFile()) return { ok: false, problem: 'it is no regular file' }
    if (file.size > most) return { ok: false, problem: `it is larger than ${most} bytes` }
    // What /proc gives has no size beforehand.
    return { ok: true, value: readAt(fd, 0, file.size === 0 ? 64 * 1024 : file.size).toString('latin1') }
  } catch (error) {
    return { ok: false, problem: (error as Error).message }
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Reads configuration files, a bounded number and size of them in all. */
export function createConfigFiles(): ConfigFiles {
  let files = 0
  let bytes = 0
  return {
    read(path) {
      if (files >= MOST_FILES || bytes >= MOST_ALL_BYTES) return { ok: false, problem: 'too much is included to read all of it' }
      const text = readSmall(path)
      files++
      bytes += text.ok ? text.value.length : 0
      return text
    },
    expand: pattern => expandGlob(pattern).slice(0, MOST_FILES),
  }
}

/** Gives the files that a pattern names, sorted; a folder stands for the files in it. */
export function expandGlob(pattern: string): string[] {
  const [, ...parts] = pattern.split('/')
  let paths = ['']
  for (const part of parts) {
    if (!/[*?[]/.test(part)) paths = paths.map(path => `${path}/${part}`)
    else paths = paths.flatMap(path => namesIn(path === '' ? '/' : path, part).map(name => `${path}/${name}`)).slice(0, MOST_FILES)
  }
  return paths.flatMap(path => (isFolder(path) ? namesIn(path, '*').map(name => join(path, name)) : isThere(path) ? [path] : [])).sort()
}

function namesIn(folder: string, pattern: string): string[] {
  const expression = globExpression(pattern)
  try {
    return readdirSync(folder).filter(name => expression.test(name) && (pattern.startsWith('.') || !name.startsWith('.')))
  } catch {
    return []
  }
}

function isFolder(path: string): boolean {
  return statOf(path)?.isDirectory() === true
}

function isThere(path: string): boolean {
  return statOf(path) !== undefined
}

function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

/** Gives the first of some paths that is there. */
export function firstThere(paths: readonly string[]): string | undefined {
  return paths.flatMap(expandGlob)[0]
}
