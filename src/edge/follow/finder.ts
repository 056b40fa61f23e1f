import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Splitter } from '../../core/entry/split.ts'
import type { FileState } from '../../core/types.ts'
import type { FollowOptions } from '../follow.ts'
import { hasHead, headPrint, isTelling, SHORTEST } from './fingerprint.ts'
import { unpack } from './packed.ts'
import { closeSiblings, continues, openSiblings, type Sibling } from './siblings.ts'
import { createTrack, type Track } from './track.ts'

/** Files that were read to their end are remembered so that copies of them are not read again. */
export const MOST_DONE = 64

const NOT_UNPACKED = `a rotated file that was not read yet is packed and cannot be unpacked: it is damaged, or there is no room in ${tmpdir()}`

type Place = Pick<FileState, 'head' | 'tail' | 'offset'>
type File = { device: bigint; inode: bigint }

const isSame = (a: File, b: File) => a.device === b.device && a.inode === b.inode

/** Finds, among the files beside a log, where to go on: after a restart, after a truncation, and after rotations that nobody watched.
 *  `others` are logs that somebody else follows. */
export function createFinder(log: string, others: readonly string[], { createSplitter, now, notice }: FollowOptions) {
  let hasUndecided = false

  /** Takes a sibling over as a track; a packed one is unpacked first. The caller's sibling is closed or belongs to the track. */
  async function take(sibling: Sibling, offset: number, splitter: Splitter, isFixed: boolean): Promise<Track | undefined> {
    const { device, inode, packing } = sibling
    const fd = packing === 'none' ? sibling.fd : await unpack(sibling.fd, packing)
    if (packing !== 'none') closeSync(sibling.fd)
    return fd === undefined
      ? undefined
      : createTrack({ fd, device, inode, offset, splitter, isFixed: isFixed || packing !== 'none', now: now() })
  }

  /** Finds what holds the bytes that had been read, so that the rest of it can be read there. */
  async function continuation(state: Place, siblings: Set<Sibling>): Promise<Sibling | undefined> {
    for (const sibling of siblings) if (sibling.packing === 'none' && state.offset > 0 && continues(sibling.fd, state)) return sibling
    for (const sibling of siblings) {
      if (sibling.packing === 'none' || !hasHead(sibling.first, state)) continue
      const fd = await unpack(sibling.fd, sibling.packing)
      const fits = fd !== undefined && continues(fd, state)
      if (fd !== undefined) closeSync(fd)
      if (fits) return sibling
    }
    return undefined
  }

  async function resumeOne(state: FileState, states: readonly FileState[], siblings: Set<Sibling>): Promise<Track | undefined> {
    const splitter = createSplitter({ offset: state.offset })
    const own = openOwn(log)
    const found = [...siblings].find(sibling => isSame(sibling, state) && sibling.packing === 'none' && continues(sibling.fd, state))
    // A restored backup or a file system with new numbers: it is who it is by what it holds.
    // A copy may be followed for its own sake. Its number alone says nothing: it may be that of a deleted file.
    const isFree = (file: File & { fd: number }) =>
      state.offset > 0 && !states.some(other => other !== state && isSame(file, other) && isTelling(other) && continues(file.fd, other))
    if (own !== undefined && (isSame(own, state) || (found === undefined && isFree(own)))) {
      const track = createTrack({ ...own, offset: state.offset, splitter, now: now() })
      // Asked last: what still holds held while the track was made.
      if (continues(own.fd, state)) return track
    }
    if (own !== undefined) closeSync(own.fd)
    const sibling = found ?? (await continuation(state, new Set([...siblings].filter(isFree))))
    if (sibling === undefined) return undefined
    siblings.delete(sibling)
    return take(sibling, state.offset, splitter, sibling !== found)
  }

  /** Not to be told yet: a copy that is just being made is empty or short at first, and a packed one cannot be unpacked.
   *  In the end (`isLast`) an empty file may still be one that a writer holds. */
  function isUndecided({ first, packing }: Sibling, contents: readonly Buffer[], isLast: boolean): boolean {
    if (isLast && packing === 'none' && first.length === 0) return false
    return first.length < SHORTEST || contents.some(content => content.subarray(0, first.length).equals(first))
  }

  return {
    /** The rotated files that are there when a log is met for the first time. Their entries are of the past, but the web server may still
     *  write to the last one (it opens its log anew only when it is told to): that one, `written`, is read on from `endOf`. */
    known(endOf: (fd: number) => number): { done: FileState[]; written: Track | undefined } {
      const own = openOwn(log)
      const siblings = openSiblings(log, others)
      const last = siblings.findLast(({ packing }) => packing === 'none')
      const isWritten = last !== undefined && (own === undefined || last.mtimeNs > fstatSync(own.fd, { bigint: true }).mtimeNs)
      if (own !== undefined) closeSync(own.fd)
      const past = siblings.filter(sibling => !isWritten || sibling !== last)
      const done = past.map(({ device, inode, size, first }) => ({
        device,
        inode,
        offset: size,
        tail: '',
        head: headPrint(first),
        done: true,
      }))
      closeSiblings(past)
      if (last === undefined || !isWritten) return { done, written: undefined }
      const offset = endOf(last.fd)
      return { done, written: createTrack({ ...last, offset, splitter: createSplitter({ offset }), now: now() }) }
    },

    /** Opens again what was being read when the daemon ended, oldest first. `gone` is what had been read of, and is not to be found. */
    async resume(states: readonly FileState[]): Promise<{ tracks: Track[]; gone: FileState[] }> {
      // Of a file that was all but empty nothing is known but a number that may have come back for another file: it is found as a new one.
      const known = states.filter(isTelling)
      const tracks = new Map<FileState, Track>()
      // Again, because a rotation may go on meanwhile: then it is in a file that was not there at first.
      for (let look = 0; look < 2 && tracks.size < known.length; look++) {
        const isTaken = (file: File) => [...tracks.values()].some(track => isSame(track, file))
        const siblings = new Set(openSiblings(log, others))
        for (const sibling of [...siblings].filter(isTaken)) {
          siblings.delete(sibling)
          closeSync(sibling.fd)
        }
        for (const state of known) {
          const track = tracks.has(state) ? undefined : await resumeOne(state, states, siblings)
          if (track !== undefined) tracks.set(state, track)
        }
        closeSiblings(siblings)
      }
      const gone = known.filter(state => !tracks.has(state) && state.offset > 0)
      for (const { inode, offset } of gone)
        notice('log.lost', {
          inode,
          offset,
          problem: 'the file is gone that was read to here; what came after it in that file cannot be counted',
        })
      return { tracks: known.flatMap(state => tracks.get(state) ?? []), gone }
    },

    /** Opens the copy that holds what a truncated file held, to go on reading behind what was read. */
    async copyOf(state: Place, splitter: Splitter): Promise<Track | undefined> {
      const siblings = new Set(openSiblings(log, others))
      const found = await continuation(state, siblings)
      if (found !== undefined) siblings.delete(found)
      closeSiblings(siblings)
      return found === undefined ? undefined : take(found, state.offset, splitter, true)
    },

    /** Opens the files that were rotated away before anybody saw them, oldest first: those that are neither known nor a copy of what is known.
     *  Unless there were more than are remembered, their times say nothing: a clock may have been set back, and a log can be rotated twice between two
     *  looks. `isLast` says that nobody will look again because of what is undecided. */
    async missed(tracks: readonly Track[], done: readonly FileState[], isLast = false): Promise<Track[]> {
      const siblings = openSiblings(log, others)
      // An inode number says who a file is only while we hold it open; a deleted file's number comes back for another one.
      const isOpen = (sibling: Sibling) => tracks.some(track => !track.isFixed && isSame(track, sibling))
      const isDone = (sibling: Sibling) => done.some(state => hasHead(sibling.first, state))
      // A file may have been truncated and written anew since it was read.
      const contents = tracks.flatMap(track => [track.first(), track.content()])
      const states = [...tracks.map(track => track.state(false)), ...contents.map(content => ({ head: headPrint(content), offset: 0 }))]
      const isKnown = (sibling: Sibling) => isOpen(sibling) || isDone(sibling) || states.some(state => hasHead(sibling.first, state))
      const limits = forgotten(done, siblings.filter(isDone))
      const unknown = siblings.filter(sibling => !isKnown(sibling))
      const decided = unknown.filter(sibling => !isUndecided(sibling, contents, isLast))
      hasUndecided = !isLast && decided.length < unknown.length
      // When an empty file was written to says nothing.
      const missed = decided.filter(({ size, mtimeNs }) => size === 0 || limits.every(limit => mtimeNs >= limit))
      closeSiblings(siblings.filter(sibling => !missed.includes(sibling)))
      const taken = await Promise.all(missed.map(sibling => take(sibling, 0, createSplitter({ offset: 0 }), false)))
      for (const [index, { inode }] of missed.entries())
        if (taken[index] === undefined) notice('log.lost', { inode, problem: NOT_UNPACKED })
      return taken.filter(track => track !== undefined)
    },

    /** Says whether the last look for missed files saw one that must be looked at again. */
    hasUndecided: () => hasUndecided,
  }
}

/** Only so many files are remembered: when there may have been more, what is older than the oldest of them was read long ago. */
function forgotten(done: readonly FileState[], found: readonly Sibling[]): bigint[] {
  return done.length < MOST_DONE / 2 ? [] : found.slice(0, 1).map(sibling => sibling.mtimeNs)
}

function openOwn(log: string): (File & { fd: number }) | undefined {
  try {
    const fd = openSync(log, constants.O_RDONLY | constants.O_NONBLOCK)
    const { dev, ino } = fstatSync(fd, { bigint: true })
    return { fd, device: dev, inode: ino }
  } catch {
    return undefined
  }
}
