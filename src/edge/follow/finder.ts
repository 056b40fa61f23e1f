import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import type { Splitter } from '../../core/entry/split.ts'
import type { FileState } from '../../core/types.ts'
import type { FollowOptions } from '../follow.ts'
import { coverage, headOf, TELLING } from './fingerprint.ts'
import { closeSiblings, continues, isCopyOf, openSiblings, type Sibling, unpack } from './siblings.ts'
import { createTrack, type Track } from './track.ts'

type Place = Pick<FileState, 'head' | 'tail' | 'offset'>

/** Finds, among the files beside a log, where to go on: after a restart, after a truncation, and after rotations that nobody watched. */
export function createFinder(log: string, { createSplitter, now, notice }: FollowOptions) {
  /** Takes a sibling over as a track; a packed one is unpacked first. The caller's sibling is closed or belongs to the track. */
  async function take(sibling: Sibling, offset: number, splitter: Splitter, isFixed: boolean): Promise<Track | undefined> {
    const { device, inode, isPacked } = sibling
    const fd = isPacked ? await unpack(sibling.path) : sibling.fd
    if (isPacked) closeSync(sibling.fd)
    return fd === undefined ? undefined : createTrack({ fd, device, inode, offset, splitter, isFixed: isFixed || isPacked, now: now() })
  }

  /** Finds what holds the bytes that had been read, so that the rest of it can be read there. */
  async function continuation(state: Place, siblings: Set<Sibling>): Promise<Sibling | undefined> {
    for (const sibling of siblings) if (!sibling.isPacked && state.offset > 0 && continues(sibling.fd, state)) return sibling
    for (const sibling of siblings) {
      if (!sibling.isPacked || !isCopyOf(sibling, state)) continue
      const fd = await unpack(sibling.path)
      const fits = fd !== undefined && continues(fd, state)
      if (fd !== undefined) closeSync(fd)
      if (fits) return sibling
    }
    return undefined
  }

  async function resumeOne(state: FileState, siblings: Set<Sibling>): Promise<Track | undefined> {
    // Of a file that was all but empty nothing is known but a number that may have come back for another file: it is found as a new one.
    if (coverage(state.head) < TELLING) return undefined
    const splitter = createSplitter({ offset: state.offset })
    const isIt = (found: { device: bigint; inode: bigint }) => found.device === state.device && found.inode === state.inode
    const own = openOwn(log)
    if (own !== undefined) {
      if (isIt(own) && continues(own.fd, state)) return createTrack({ ...own, offset: state.offset, splitter, now: now() })
      closeSync(own.fd)
    }
    const byInode = [...siblings].find(sibling => isIt(sibling) && !sibling.isPacked && continues(sibling.fd, state))
    const found = byInode ?? (await continuation(state, siblings))
    if (found !== undefined) {
      siblings.delete(found)
      return take(found, state.offset, splitter, found !== byInode)
    }
    if (state.offset > 0)
      notice('log.lost', {
        inode: state.inode,
        offset: state.offset,
        problem: 'the file is gone that was read to here; what came after it in that file cannot be counted',
      })
    return undefined
  }

  return {
    /** The rotated files that are there when a log is met for the first time: their entries are of the past. */
    known(): FileState[] {
      const siblings = openSiblings(log)
      try {
        return siblings
          .filter(sibling => !sibling.isPacked)
          .map(({ fd, device, inode, size }) => ({ device, inode, offset: size, tail: '', head: headOf(fd), done: true }))
      } finally {
        closeSiblings(siblings)
      }
    },

    /** Opens again what was being read when the daemon ended, oldest first. */
    async resume(states: readonly FileState[]): Promise<Track[]> {
      const siblings = new Set(openSiblings(log))
      const tracks: Track[] = []
      for (const state of states) {
        const track = await resumeOne(state, siblings)
        if (track !== undefined) tracks.push(track)
      }
      closeSiblings(siblings)
      return tracks
    },

    /** Opens the copy that holds what a truncated file held, to go on reading behind what was read. */
    async copyOf(state: Place, splitter: Splitter): Promise<Track | undefined> {
      const siblings = new Set(openSiblings(log))
      const found = await continuation(state, siblings)
      if (found !== undefined) siblings.delete(found)
      closeSiblings(siblings)
      return found === undefined ? undefined : take(found, state.offset, splitter, true)
    },

    /** Opens the files that were rotated away before anybody saw them, oldest first: those that are neither known nor a copy of what is known,
     *  and younger than the newest file that was read. */
    async missed(tracks: readonly Track[], done: readonly FileState[]): Promise<Track[]> {
      const siblings = openSiblings(log)
      // An inode number says who a file is only while we hold it open; a deleted file's number comes back for another one.
      const isOpen = (sibling: Sibling) =>
        tracks.some(track => !track.isFixed && track.device === sibling.device && track.inode === sibling.inode)
      const states = [...tracks.map(track => track.state(false)), ...done]
      const isKnown = (sibling: Sibling) => isOpen(sibling) || states.some(state => isCopyOf(sibling, state))
      // A file of which nothing was read yet says nothing: it may have come after all of them.
      const read = tracks.filter(track => !track.isFixed && track.position() > 0)
      const births = read.map(track => fstatSync(track.fd, { bigint: true }).birthtimeNs)
      const missed = siblings.filter(sibling => !isKnown(sibling) && births.every(bornAt => sibling.mtimeNs >= bornAt))
      closeSiblings(siblings.filter(sibling => !missed.includes(sibling)))
      const taken = await Promise.all(missed.map(sibling => take(sibling, 0, createSplitter({ offset: 0 }), false)))
      return taken.filter(track => track !== undefined)
    },
  }
}

function openOwn(log: string): { fd: number; device: bigint; inode: bigint } | undefined {
  try {
    const fd = openSync(log, constants.O_RDONLY | constants.O_NONBLOCK)
    const { dev, ino } = fstatSync(fd, { bigint: true })
    return { fd, device: dev, inode: ino }
  } catch {
    return undefined
  }
}
