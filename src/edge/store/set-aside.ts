import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Settings } from '../../core/settings.ts'
import type { Millis } from '../../core/types.ts'
import type { Firewall } from '../../enforce.ts'
import type { Log } from '../log.ts'
import { takeLock } from './lock.ts'
import { isCorruption, openStore, type Store } from './store.ts'

/** A daemon that is being replaced may need so many ms to be gone. */
const PATIENCE = 3000

type Parts = { firewall: Firewall; log: Log; clock: () => Millis }

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

/** Opens the daemon's database. A damaged one is set aside under another name, loudly, and a new one takes over the blocks that the firewall holds;
 *  `isFresh` then tells that the log must be read from its beginning, or what it holds would be forgotten. */
export async function openDaemonStore(settings: Settings, parts: Parts): Promise<{ store: Store; isFresh: boolean }> {
  try {
    return { store: openChecked(settings.database), isFresh: false }
  } catch (error) {
    if (!isCorruption(error)) throw error
    const aside = setAside(settings.database, parts.clock())
    parts.log.error('database.set-aside', {
      database: settings.database,
      problem: (error as Error).message,
      kept_as: aside,
      remedy: 'counts start anew from the log; look at the disk',
    })
  }
  const store = openChecked(settings.database)
  await takeOver(store, settings, parts)
  return { store, isFresh: true }
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

function setAside(path: string, now: Millis): string {
  const aside = `${path}.damaged-${new Date(now).toISOString().replaceAll(':', '-')}`
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
  return aside
}

async function takeOver(store: Store, settings: Settings, { firewall, log, clock }: Parts): Promise<void> {
  const ips = await firewall.list().catch(() => [])
  const blockedAt = clock()
  store.transaction(() => {
    for (const ip of ips) {
      store.blocks.add({
        ip,
        reason: 'imported',
        score: 0,
        threatCount: 0,
        blockedAt,
        expiresAt: blockedAt + settings.blockTime,
        note: 'taken over from the firewall: the database was damaged',
      })
    }
  })
  if (ips.length > 0) log.warn('blocks.taken-over', { number: ips.length })
}
