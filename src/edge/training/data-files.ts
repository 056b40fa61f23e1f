import { type Dirent, readdirSync, statSync } from 'node:fs'
import { basename, join, relative, sep } from 'node:path'

/** A file of labelled data under the name it has in a table, with the names of the subfolders it counts for too. */
export type DataFile = { path: string; name: string; folders: readonly string[] }

const NAME = /\.jsonl(?:\.gz|\.zst)?$/
const MOST_FILES = 10_000
const MOST_DEPTH = 16

/** Lists files as they are named, and of folders every .jsonl, .jsonl.gz and .jsonl.zst below them, in the order of their names. Links to files are
 *  followed, links to folders are not, so no circle has an end. Throws when something is not there or a folder holds no such file. */
export function listDataFiles(paths: readonly string[]): DataFile[] {
  const several = paths.length > 1
  const found = paths.flatMap(path => {
    if (!isFolder(path)) return [{ path, name: several ? path : basename(path), folders: [] }]
    const files = filesBelow(path, 0)
    if (files.length === 0) throw new Error(`${path} holds no file called *.jsonl, *.jsonl.gz or *.jsonl.zst`)
    return files.map(file => ({ path: file, ...placeOf(file, path, several ? `${path}${sep}` : '') }))
  })
  if (found.length > MOST_FILES) throw new Error(`more than ${MOST_FILES} files; name fewer folders`)
  return found
}

function placeOf(file: string, top: string, prefix: string): Omit<DataFile, 'path'> {
  const parts = relative(top, file).split(sep)
  const folders = parts.slice(1).map((_, depth) => `${prefix}${parts.slice(0, depth + 1).join(sep)}${sep}`)
  return { name: `${prefix}${parts.join(sep)}`, folders }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch (error) {
    throw new Error(`cannot read ${path}: ${(error as Error).message}`, { cause: error })
  }
}

function filesBelow(folder: string, depth: number): string[] {
  if (depth > MOST_DEPTH) throw new Error(`${folder} is more than ${MOST_DEPTH} folders deep`)
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  const files: string[] = []
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) files.push(...filesBelow(path, depth + 1))
    else if (NAME.test(entry.name) && isFile(entry, path)) files.push(path)
    if (files.length > MOST_FILES) throw new Error(`${folder} holds more than ${MOST_FILES} files; name fewer folders`)
  }
  return files
}

function isFile(entry: Dirent, path: string): boolean {
  if (entry.isSymbolicLink()) return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
  return entry.isFile()
}
