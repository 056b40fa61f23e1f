import { constants } from 'node:fs'
import { type FileHandle, open, readlink, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { indexedPath, mayName } from '../core/entry/index-line.ts'
import { createIndexedReader, type IndexedEntry } from '../core/entry/indexed-entry.ts'
import type { Batch, Entry, Result, Skipped } from '../core/types.ts'

/** Control characters of a body take six bytes each in JSON; its long strings are cut as it is read. */
const MAX_BYTES = 128 * 2 ** 20
const CHUNK = 2 ** 20
/** Files that are read at the same time. */
const AT_ONCE = 8
/** A file lies in DATE/DATE-TIME/ below the storage folder, wherever that was when the line was written. */
const OWN_DEPTH = 3

/** Puts the transactions in the place of the index lines of a batch. `storageDir`: where the files lie (SecAuditLogStorageDir); '' stands for
 *  the folder of the index. What cannot be read becomes a skipped item; never throws. */
export async function readIndexedFiles(batch: Batch, storageDir: string): Promise<Batch> {
  if (!batch.items.some(isIndexLine)) return batch
  const folder = storageDir === '' ? dirname(batch.log) : storageDir
  const items: (Entry | Skipped)[] = []
  for (let at = 0; at < batch.items.length; at += AT_ONCE) {
    const some = batch.items.slice(at, at + AT_ONCE)
    items.push(...(await Promise.all(some.map(item => (isIndexLine(item) ? readItem(item, folder) : item)))))
  }
  return { ...batch, items }
}

/** Reads the transaction that a line of an index names. Only a regular file below `storageDir` of at most 16 MiB is read, and no
 *  link is followed on the way: whoever can write there must not choose what is read. */
export async function openIndexed(line: string, storageDir: string): Promise<Result<IndexedEntry>> {
  const path = indexedPath(line)
  if (path === undefined) return { ok: false, problem: 'no line of an index' }
  let problem = 'the file that the index names is not below the storage folder; set storage_dir'
  const folder = await realpath(storageDir).catch(() => undefined)
  if (folder === undefined) return { ok: false, problem: 'the storage folder is not there; set storage_dir' }
  for (const relative of candidates(path, storageDir, folder)) {
    const read = await readBelow(join(folder, relative))
    if (read.ok && read.value.ok && !mayName(line, read.value.value.format))
      return { ok: false, problem: 'a line as Coraza writes it names a file that Coraza did not write' }
    if (read.ok) return read.value
    problem = read.problem
  }
  return { ok: false, problem }
}

/** The paths below the storage folder that a path in an index may mean: absolute (v3) or relative to that folder (v2), and when the folder was moved
 *  or mounted elsewhere, the part that the engine itself appends. */
function candidates(path: string, ...folders: string[]): string[] {
  const parts = path.split('/').slice(1)
  if (parts.some(part => part === '' || part === '.' || part === '..' || part.includes('\0'))) return []
  const below = folders.filter(folder => path.startsWith(`${folder}/`)).map(folder => path.slice(folder.length + 1))
  return [...new Set([...below, parts.join('/'), parts.slice(-OWN_DEPTH).join('/')])]
}

async function readBelow(path: string): Promise<Result<Result<IndexedEntry>>> {
  let file: FileHandle | undefined
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const { size } = await check(file, path)
    const reader = createIndexedReader()
    const chunk = Buffer.alloc(Math.min(size, CHUNK))
    for (let at = 0, read = -1; read !== 0 && at < size; at += read) {
      read = (await file.read(chunk, 0, Math.min(chunk.length, size - at), at)).bytesRead
      reader.push(chunk.subarray(0, read))
    }
    return { ok: true, value: reader.finish() }
  } catch (error) {
    return { ok: false, problem: `cannot read the file that the index names: ${reason(error)}` }
  } finally {
    await file?.close()
  }
}

/** The kernel's own name of the opened file tells whether a folder on the way was a link, whatever happens to the path meanwhile. */
async function check(file: FileHandle, path: string): Promise<{ size: number }> {
  const stat = await file.stat()
  if (!stat.isFile()) throw new Refusal('it is no regular file')
  if (stat.size > MAX_BYTES) throw new Refusal(`it is longer than ${MAX_BYTES} bytes`)
  if ((await readlink(`/proc/self/fd/${file.fd}`)) !== path) throw new Refusal('there is a link on the way to it')
  return stat
}

class Refusal extends Error {}

/** Never the message of the system, which holds the path: a client may have chosen its name. */
function reason(error: unknown): string {
  if (error instanceof Refusal) return error.message
  return (error as NodeJS.ErrnoException).code ?? 'unknown error'
}

async function readItem(item: Entry, folder: string): Promise<Entry | Skipped> {
  const found = await openIndexed(item.text, folder)
  const { log, inode, offset, length } = item
  if (!found.ok) return { kind: 'skipped', log, inode, offset, length, problem: found.problem }
  const trust = item.trust === 'low' ? 'low' : found.value.trust
  return { ...item, ...found.value, trust }
}

function isIndexLine(item: Entry | Skipped): item is Entry {
  return item.kind === 'entry' && item.format === 'index-line'
}
