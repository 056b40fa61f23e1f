import { existsSync, linkSync, mkdirSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Settings } from '../../core/settings.ts'
import type { Standing } from '../../core/standing-lines.ts'
import type { Millis, Result } from '../../core/types.ts'
import type { Firewall } from '../../enforce.ts'
import type { Log } from '../log.ts'
import { takeLock } from './lock.ts'
import { isCorruption, openStore, type Store } from './store.ts'

/** A daemon that is being replaced may need so many ms to be gone. */
const PATIENCE = 3000

/** What SQLite keeps beside a database; in the place of a new one's it would be put into that. */
const SIDE_FILES = ['-wal', '-shm', '-journal']

type Parts = {
  firewall: Firewall
  log: Log
  clock: () => Millis
  /** Says what stood by the standing file. */
  recall: (settings: Settings, now: Millis) => Promise<Result<Standing & { writtenAt: Millis }>>
}

/** Keeps the database for this daemon until the function that it gives is called (keep it: what is forgotten is given back): two daemons would read
 *  every entry twice. Throws when another one has it. */
export function claimDatabase(path: string): () => void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 })
  return takeLock(
    `${path}.lock`,
    PATIENCE,
    `another 'modwarden run' uses ${path}; stop it first, or name another file in the setting 'database'`,
  )
}

/** Opens the daemon's database. A damaged one is set aside under another name, loudly, and a new one takes over what the standing file holds, and the
 *  blocks that only the firewall holds; `isFresh` then tells that the log must be read from its beginning, or what it holds would be forgotten. */
export async function openDaemonStore(settings: Settings, parts: Parts): Promise<{ store: Store; isFresh: boolean }> {
  try {
    return { store: openChecked(settings.database), isFresh: false }
  } catch (error) {
    if (!isCorruption(error)) throw error
    // Where a link says that it lies, the next one lies too.
    const path = realpathSync(settings.database)
    // Made beside the damaged one: whatever ends the daemon meanwhile, the next one finds all as it was.
    const unfinished = `${path}.new`
    removeDatabase(unfinished)
    const store = openStore(unfinished, { create: true })
    let taken: Taken
    try {
      taken = await takeOver(store, settings, parts)
    } finally {
      store.close()
    }
    const aside = setAside(path, parts.clock())
    renameSync(unfinished, path)
    parts.log.error('database.set-aside', {
      database: path,
      problem: (error as Error).message,
      kept_as: aside,
      remedy: 'counts start anew from the log; look at the disk',
    })
    parts.log.warn('blocks.taken-over', taken)
  }
  return { store: openChecked(settings.database), isFresh: true }
}

function openChecked(path: string): Store {
  const store = openStore(path, { create: true })
  try {
    store.check()
    return store
  } catch (error) {
    store.abandon()
    throw error
  }
}

/** The path keeps the damaged file until the new one takes its place: a start that found none there would begin without blocks. */
function setAside(path: string, now: Millis): string {
  const aside = `${path}.damaged-${new Date(now).toISOString().replaceAll(':', '-')}`
  try {
    linkSync(path, aside)
  } catch {
    // The file system has no hard links, or the file is somebody else's.
    renameSync(path, aside)
  }
  for (const suffix of SIDE_FILES) if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
  return aside
}

function removeDatabase(path: string): void {
  for (const suffix of ['', ...SIDE_FILES]) rmSync(path + suffix, { force: true })
}

async function takeOver(store: Store, settings: Settings, { firewall, clock, recall }: Parts): Promise<Taken> {
  const now = clock()
  const recalled = await recall(settings, now)
  const held = await firewall.list().catch(() => [])
  const { blocks, allow, known, leftOut } = recalled.ok ? recalled.value : { blocks: [], allow: [], known: new Set(), leftOut: undefined }
  // The file says of what it names how long it stands, or that it is over. What is newer than the file only the firewall knows.
  const unknown = held.filter(ip => !known.has(ip))
  store.transaction(() => {
    for (const row of allow) store.allow.add(row)
    for (const block of blocks) store.blocks.add(block)
    for (const ip of unknown)
      store.blocks.add({
        ip,
        reason: 'imported',
        score: 0,
        threatCount: 0,
        blockedAt: now,
        expiresAt: now + settings.blockTime,
        note: 'taken over from the firewall: the database was damaged',
      })
  })
  const file = recalled.ok ? { as_of: new Date(recalled.value.writtenAt).toISOString(), left_out: leftOut } : { problem: recalled.problem }
  return { number: blocks.length + unknown.length, from_file: blocks.length, from_firewall: unknown.length, allowed: allow.length, ...file }
}

type Taken = Readonly<Record<string, unknown>>
