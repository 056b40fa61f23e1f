import { closeSync } from 'node:fs'
import { createRoom } from '../../core/entry/index-line.ts'
import type { Piece } from '../../core/entry/split.ts'
import type { Batch, Entry, FileState, Skipped } from '../../core/types.ts'
import type { FollowOptions } from '../follow.ts'
import { createFinder, MOST_DONE } from './finder.ts'
import { HEAD, hasHead, headPrint, isTelling, readAt } from './fingerprint.ts'
import { lastLineStart, openRegular, statPath } from './path.ts'
import { ALONE, type Beside, type Reading, sameFile, statOwn } from './same-file.ts'
import { continues, folderStamp } from './siblings.ts'
import { createTrack, type Track } from './track.ts'

/** More rotated files than this are not kept open for a writer that may still hold them. */
const MOST_TRACKS = 8
/** So long after something came or went beside a log, a file is looked at again that is not to be told from a copy in the making. */
const UNDECIDED = 60_000
const BATCH_BYTES = 2 * 1024 * 1024
const BATCH_ITEMS = 2000
/** The files that an index names are held in memory together, as long as their batch: no more than this, and one file. */
const BATCH_NAMED_BYTES = 16 * 1024 * 1024
/** A path whose file stays empty this long while the old one grows has a writer that never reopened. */
const STALE = 5_000

/** Stands for a log of which nothing is there yet: whatever comes is new, also after a restart. */
const NOTHING_YET: FileState = { device: 0n, inode: 0n, offset: 0, tail: '', head: '', done: true }

export type LogReader = Reading & { next(): Promise<Batch | undefined>; isWaiting(): boolean; close(): void }

/** Reads one log over rotations and truncations. `next` gives what is new, or undefined when nothing is; it takes for granted that the batch before was committed. */
export function createLogReader(log: string, options: FollowOptions, { others, readBy }: Beside = ALONE): LogReader {
  const { now, notice, mostItems = BATCH_ITEMS } = options
  const finder = createFinder(log, others, options)
  let tracks: Track[] = []
  let done: FileState[] = options.from.filter(state => state.done)
  let current: Track | undefined
  let isStarted = false
  let hasChanged = false
  let lostBytes = 0
  let told = ''
  /** Something keeps us from seeing what the path names. */
  let isHidden = false
  /** What the folder was like at the last look into it, and since when. */
  let seen = { text: '', isYoung: false, since: 0 }

  /** Tells a lasting state once. */
  function tellOnce(event: Parameters<typeof notice>[0], fields: Record<string, unknown>): void {
    const key = event + String(fields.problem ?? '')
    if (told !== key) notice(event, fields)
    told = key
  }

  async function start(): Promise<void> {
    isStarted = true
    hasChanged = true
    if (options.from.length > 0) {
      const resumed = await finder.resume(options.from.filter(state => !state.done))
      tracks = resumed.tracks
      // What comes back (its folder was not mounted yet) is read on, and not a second time.
      done.push(...resumed.gone.map(state => ({ ...state, done: true })))
      const missed = await finder.missed(tracks, done)
      const { stats } = statPath(log)
      const isPath = (track: Track) => track.inode === stats?.ino && track.device === stats.dev && !track.isFixed
      // What was rotated away meanwhile is older than the file that has the name now.
      tracks = [...tracks.filter(track => !isPath(track)), ...missed, ...tracks.filter(isPath)]
      return
    }
    const known = finder.known(lastLineStart)
    done = known.done
    if (known.written !== undefined) tracks = [known.written]
    const track = openPath(fd => (options.fromStart ? 0 : lastLineStart(fd)))
    if (track !== undefined) become(track)
  }

  /** Looks whether the path names another file than the one that is read. */
  async function look(): Promise<void> {
    const { stats, problem } = statOwn(log, { others, readBy })
    if (stats === undefined) {
      if (problem !== undefined) tellOnce('log.unreadable', { problem })
      else if (current === undefined) tellOnce('log.waiting', { problem: 'it is not there yet' })
      isHidden = problem !== undefined
      return
    }
    if (isHidden && current !== undefined) notice('log.found', { inode: stats.ino })
    if (isHidden) told = ''
    isHidden = false
    const isSame = current !== undefined && stats.ino === current.inode && stats.dev === current.device
    const isChanged = hasFolderChanged()
    if (!isChanged && !finder.hasUndecided() && isSame) return
    const isLast = !isChanged && now() - seen.since >= UNDECIDED
    const track = isSame
      ? current
      : (tracks.find(other => !other.isFixed && other.inode === stats.ino && other.device === stats.dev) ?? openNew())
    if (track === undefined) return
    const missed = await finder.missed(tracks.includes(track) ? tracks : [...tracks, track], done, isLast)
    hasChanged ||= !isSame || missed.length > 0
    if (!tracks.includes(track))
      notice(tracks.length + missed.length === 0 ? 'log.found' : 'log.rotated', { inode: track.inode, missed_files: missed.length })
    tracks.push(...missed)
    become(track)
  }

  /** Says whether something came or went beside the log. */
  function hasFolderChanged(): boolean {
    const stamp = folderStamp(log)
    const isChanged = seen.isYoung || stamp.text !== seen.text
    if (isChanged) seen = { ...stamp, since: now() }
    return isChanged
  }

  /** Opens what has the name now; undefined when it changed meanwhile, or cannot be read, and must be looked at again. */
  function openNew(): Track | undefined {
    const track = openPath(readTo)
    if (track === undefined || stillReadTo(track)) return track
    track.close()
    return undefined
  }

  function stillReadTo(track: Track): boolean {
    try {
      return readTo(track.fd) === track.position()
    } catch {
      return false
    }
  }

  /** How far the file that has the name now was read under another inode: a file may be replaced by a copy of itself.
   *  Undefined when the other one must be read to its end before that can be said. */
  function readTo(fd: number): number | undefined {
    const first = readAt(fd, 0, HEAD)
    if (tracks.some(track => track.hasUnread() && hasHead(first, { head: headPrint(track.content()), offset: 0 }))) return undefined
    const states = [...done, ...tracks.map(track => track.state(false))]
    return Math.max(0, ...states.filter(state => isTelling(state) && continues(fd, state)).map(state => state.offset))
  }

  function become(track: Track): void {
    if (track !== current) told = ''
    current = track
    tracks = [...tracks.filter(other => other !== track), track]
  }

  function openPath(offsetOf: (fd: number) => number | undefined): Track | undefined {
    let fd: number | undefined
    try {
      const file = openRegular(log)
      fd = file.fd
      const other = readBy(file)
      if (other !== undefined) throw new Error(sameFile(other))
      const offset = offsetOf(fd)
      if (offset === undefined) {
        closeSync(fd)
        return undefined
      }
      return createTrack({ fd, device: file.dev, inode: file.ino, offset, splitter: options.createSplitter({ offset }), now: now() })
    } catch (error) {
      if (fd !== undefined) closeSync(fd)
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') tellOnce('log.unreadable', { problem: (error as Error).message })
      return undefined
    }
  }

  /** Takes a truncated file apart: its unread rest from a copy where there is one, and the new content from the start. */
  async function truncated(track: Track): Promise<void> {
    const state = { head: track.head(), offset: track.position(), tail: track.tail() }
    // What nothing is known of, or nothing was read of, is found as a file that nobody has seen.
    const isKnown = track.isKnown() && state.offset > 0
    const copy = track.isFixed || !isKnown ? undefined : await finder.copyOf(state, track.splitter)
    hasChanged = true
    const next = createTrack({
      fd: track.fd,
      device: track.device,
      inode: track.inode,
      offset: 0,
      splitter: options.createSplitter({ offset: 0 }),
      now: now(),
    })
    if (isKnown && copy === undefined) {
      left.push(...track.finish().map(piece => toItem(piece, track)))
      done.push(track.state(true))
    }
    tracks.splice(tracks.indexOf(track), 1, ...(copy === undefined ? [next] : [copy, next]))
    if (current === track) current = next
    // It may have been truncated more than once: what stood in it between is in copies that nobody has seen.
    const missed = await finder.missed(tracks, done)
    tracks.splice(tracks.indexOf(next), 0, ...missed)
    const first = track.first()
    const isCopied = tracks.some(other => other !== next && other.content().subarray(0, first.length).equals(first))
    const isRecovered = copy !== undefined || (!isKnown && isCopied)
    notice('log.truncated', { inode: track.inode, offset: state.offset, recovered: isRecovered })
    const lost = isRecovered ? 0 : Math.max(0, track.size() - state.offset)
    if (lost > 0) notice('log.lost', { bytes: lost, offset: state.offset, problem: 'a truncation destroyed it before it could be read' })
    lostBytes += lost
  }

  let left: (Entry | Skipped)[] = []

  /** Reads the files oldest first, so that the entries of an address come in their order; false when there may be more. */
  async function readAll(items: (Entry | Skipped)[]): Promise<boolean> {
    for (const track of [...tracks]) {
      if (!(await readTrack(track, items))) return false
      atEnd(track, items)
    }
    // A writer that never reopens keeps growing the oldest one, so age is no reason to leave a file.
    const worth = (track: Track) => (track.size() === 0 ? 0 : track.grewAt())
    const idlest = tracks.filter(track => track !== current).sort((a, b) => worth(a) - worth(b))[0]
    if (idlest !== undefined && tracks.length > MOST_TRACKS) leave(idlest, items)
    return true
  }

  /** Reads a track as far as the batch has room; false when there may be more. */
  async function readTrack(track: Track, items: (Entry | Skipped)[]): Promise<boolean> {
    const room = createRoom(BATCH_NAMED_BYTES)
    for (let bytes = 0; bytes < BATCH_BYTES && room.isLeft() && items.length < mostItems; ) {
      const start = track.position()
      const pieces = readPieces(track, room.portion)
      if (pieces === undefined) {
        await truncated(track)
        items.push(...left)
        left = []
        return false
      }
      for (const piece of pieces) items.push(toItem(piece, track))
      if (track.isWaiting()) items.push(...track.settle(now() - options.quietMillis).map(piece => toItem(piece, track)))
      if (track.position() === start) return true
      bytes += track.position() - start
    }
    return false
  }

  /** Reads on; a file that cannot be read for now has nothing new. */
  function readPieces(track: Track, portion: (chunk: Buffer) => number): Piece[] | undefined {
    try {
      return track.read(now(), portion)
    } catch (error) {
      tellOnce('log.unreadable', { inode: track.inode, problem: (error as Error).message })
      return []
    }
  }

  function toItem(piece: Piece, track: Track): Entry | Skipped {
    const place = { log, inode: track.inode, offset: piece.start, length: piece.end - piece.start }
    return piece.kind === 'entry'
      ? { kind: 'entry', ...place, format: piece.format, text: piece.text, trust: piece.trust }
      : { kind: 'skipped', ...place, problem: piece.problem }
  }

  /** What became of a file that was read to its end: it settles when it is quiet, and is left when nobody writes to it any more. */
  function atEnd(track: Track, items: (Entry | Skipped)[]): void {
    const quiet = now() - track.grewAt()
    if (track === current) return
    const isSucceeded = current !== undefined && current.position() > 0 && quiet >= options.graceMillis
    if (isSucceeded || track.isFixed) leave(track, items)
    else if (current !== undefined && current.size() === 0 && track.grewAt() - current.grewAt() > STALE) {
      tellOnce('log.stale-writer', { inode: track.inode, problem: 'the web server still writes to the rotated file' })
    }
  }

  function leave(track: Track, items: (Entry | Skipped)[]): void {
    const isKnown = track.isKnown()
    items.push(...track.finish().map(piece => toItem(piece, track)))
    if (isKnown) done.push(track.state(true))
    tracks = tracks.filter(other => other !== track)
    track.close()
    hasChanged = true
  }

  function toBatch(items: (Entry | Skipped)[]): Batch | undefined {
    if (items.length === 0 && lostBytes === 0 && !hasChanged) return undefined
    done = done.slice(-MOST_DONE)
    const files = [...done, ...tracks.map(track => track.state(false))]
    const batch = {
      log,
      items,
      files: files.length === 0 ? [NOTHING_YET] : files,
      lostBytes,
      pendingBytes: tracks.reduce((sum, track) => sum + track.pending(), 0),
    }
    lostBytes = 0
    hasChanged = false
    return batch
  }

  return {
    log,
    async next() {
      if (!isStarted) await start()
      await look()
      const items: (Entry | Skipped)[] = []
      // An entry may be longer than a batch: go on until there is something to give, or nothing more to read.
      while (!(await readAll(items)) && items.length === 0);
      return toBatch(items)
    },
    /** Says whether something was read that only waits to settle. */
    isWaiting: () => tracks.some(track => track.isWaiting()),
    reads: ({ dev, ino }) => tracks.some(track => !track.isFixed && track.inode === ino && track.device === dev),
    close: () => tracks.forEach(track => void track.close()),
  }
}
