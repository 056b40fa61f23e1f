import { accessSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseFacts } from '../../core/doctor/facts.ts'
import { isCorruption, openReader, type Store } from '../store/store.ts'
import { diskOf } from './disk.ts'

/** The whole of a larger file is not read to see whether it is sound. */
const MOST_CHECKED = 4 * 2 ** 30

/** Looks at the database as who we are; changes nothing in it. */
export function lookAtDatabase({ path, logs }: { path: string; logs: readonly string[] }): DatabaseFacts {
  const found = find(path)
  const facts = { path, exists: found.size !== undefined, disk: diskOf(dirname(path)), writeProblem: undefined, logs: [] }
  if (found.size === undefined) return { ...facts, exists: found.problem !== undefined, problem: asProblem(found.problem) }
  const writeProblem = whyNotWritable(path)
  try {
    const store = openReader(path)
    try {
      if (found.size <= MOST_CHECKED) store.check()
      return { ...facts, problem: undefined, writeProblem, logs: logs.map(log => reading(store, log)) }
    } finally {
      store.close()
    }
  } catch (error) {
    return { ...facts, writeProblem, problem: { message: (error as Error).message, isDamaged: isCorruption(error) } }
  }
}

function reading(store: Store, path: string): DatabaseFacts['logs'][number] {
  const files = store.positions.of(path).filter(({ done }) => !done)
  const eventAt = store.events.lastSeenAt(path) ?? null
  return {
    path,
    files: files.map(({ inode, offset }) => ({ inode: String(inode), offset })),
    eventAt,
    skipped: store.deadLetters.countSince(path, eventAt ?? 0),
  }
}

function find(path: string): { size?: number; problem?: string } {
  try {
    const file = statSync(path, { throwIfNoEntry: false })
    if (file === undefined) return {}
    return file.isFile() ? { size: file.size } : { problem: 'it is no regular file' }
  } catch (error) {
    return { problem: (error as Error).message }
  }
}

function asProblem(problem: string | undefined): DatabaseFacts['problem'] {
  return problem === undefined ? undefined : { message: problem, isDamaged: false }
}

/** SQLite writes the file, and makes others beside it. */
function whyNotWritable(path: string): string | undefined {
  const beside = [`${path}-wal`, `${path}-shm`].filter(file => find(file).size !== undefined)
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK)
    for (const file of [path, ...beside]) accessSync(file, constants.R_OK | constants.W_OK)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
