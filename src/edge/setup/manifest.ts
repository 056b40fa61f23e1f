import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Access, ServerName, Step } from '../../core/setup/types.ts'
import { takeLock } from '../store/lock.ts'
import { removeWhole, writeWhole } from '../write-whole.ts'
import { sweep, writeText } from './files.ts'

/** Where setup remembers what it changed: root's alone, since it holds the files as they were. */
export const MANIFEST_FOLDER = '/var/lib/modwarden-setup'

const PATIENCE = 1000

/** A step that was begun; `access` is how its file was before, where there was one. */
export type Entry = Step & { access?: Access | null }

/** `finished`: how many of the entries belong to runs that came to their end. */
type State = { version: 1; server: ServerName; finished: number; entries: Entry[] }

export type Manifest = ReturnType<typeof openManifest>

/** Opens the manifest, in which every change stands before it is made, so that it can be taken back whatever happens. Only one process has it at a time;
 *  `close` lets go. To look only (`isDry`) nothing is made, not even the lock. Throws when the manifest cannot be read. */
export function openManifest(folder = MANIFEST_FOLDER, { isDry = false } = {}) {
  const path = join(folder, 'manifest.json')
  const release = isDry ? () => {} : takeFolder(folder)
  let state: State | undefined
  try {
    state = readState(path)
  } catch (error) {
    release()
    throw error
  }
  if (!isDry) for (const entry of state?.entries ?? []) if (entry.kind === 'file') sweep(entry.path)

  function save(next: State): void {
    writeWhole(path, `${JSON.stringify(next, undefined, 1)}\n`, { mode: 0o600 })
    state = next
  }

  return {
    server: (): ServerName | undefined => state?.server,
    entries: (): readonly Entry[] => state?.entries ?? [],
    /** Entries of runs that came to their end; what is beyond belongs to one that was interrupted. */
    finished: (): number => state?.finished ?? 0,

    /** What files said before and after setup wrote them last, by path. */
    written(): Map<string, { before: string | null; after: string | null }> {
      return new Map((state?.entries ?? []).flatMap(entry => (entry.kind === 'file' ? [[entry.path, entry] as const] : [])))
    },

    add(server: ServerName, entry: Entry): void {
      save({ version: 1, server, finished: state?.finished ?? 0, entries: [...(state?.entries ?? []), entry] })
    },

    finish(): void {
      if (state !== undefined) save({ ...state, finished: state.entries.length })
    },

    /** Forgets the entries from `from` on; they were taken back. */
    cut(from: number): void {
      if (state === undefined) return
      if (from > 0) save({ ...state, finished: Math.min(from, state.finished), entries: state.entries.slice(0, from) })
      else {
        removeWhole(path)
        state = undefined
      }
    },

    /** Keeps a text that could not be put back, and says where. */
    keep(name: string, text: string): string {
      const kept = join(folder, `before${name.replaceAll('/', '_')}`)
      writeText(kept, text, { uid: 0, gid: 0, mode: 0o600 })
      return kept
    },

    close: release,
  }
}

function takeFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)
  return takeLock(join(folder, 'lock'), PATIENCE)
}

function readState(path: string): State | undefined {
  if (!existsSync(path)) return undefined
  let state: State
  try {
    state = JSON.parse(readFileSync(path, 'utf8')) as State
  } catch (error) {
    throw new Error(`${path} cannot be read: ${(error as Error).message}; move it away, and undo by hand what docs/setup.md lists`, {
      cause: error,
    })
  }
  if (state.version !== 1) throw new Error(`${path} was written by a newer modwarden; upgrade modwarden`)
  return state
}
