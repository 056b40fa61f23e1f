import type { Format } from '../types.ts'
import { JSON_START } from './shapes.ts'

/** Gives the path of the transaction's file that a line of a concurrent log's index names, as written there; undefined when it names none.
 *  Only what stands at the end of the line is read: before it, ModSecurity 3 writes what the client sent unescaped. */
export function indexedPath(line: string): string | undefined {
  const end = line.slice(-LONGEST_END)
  return (MODSECURITY.exec(end) ?? BEHIND_BLANK.exec(end) ?? CORAZA.exec(line))?.[1]
}

/** Tells whether a line is one of ModSecurity's index although a JSON entry seems to begin in it: ModSecurity 3 writes host, user, URI and so on as the
 *  client sent them. A JSON entry ends in a brace, and where it was torn, no address follows its first blank. */
export function isIndexLine(line: string): boolean {
  if (line.charCodeAt(line.length - 1) === BRACE || !isOfModSecurity(line)) return false
  return !line.startsWith(JSON_START) || INDEX_HEAD.test(line)
}

/** Tells whether an entry may be what a line of an index names. ModSecurity 3 writes the user of a basic authentication into its index with all newlines
 *  in it: so a client can write a line like Coraza's there, and name the file of somebody else's request to have it counted once more. */
export function mayName(line: string, format: Format): boolean {
  return isOfModSecurity(line) || format.startsWith('coraza')
}

/** Tells whether a log may be an index, by the first bytes of it that are read, from the start of a line on. */
export function mayBeIndex(bytes: Buffer): boolean {
  return !ENTRY_START.test(bytes.toString('latin1', 0, LONGEST_GAP))
}

/** Makes the measure of what is read of a log at a time: an index names gigabytes in a few kilobytes. `portion` says how many of the next bytes to
 *  take, so that the files which they name hold `bytes`, or one file more than that, together with what was taken before. */
export function createRoom(bytes: number) {
  let left = bytes
  return {
    portion(chunk: Buffer): number {
      if (!chunk.includes('md5:') && !chunk.includes(' - /')) return chunk.length
      for (const { 0: text, index } of chunk.toString('latin1').matchAll(ENDS)) {
        left -= namedBytes(text)
        if (left <= 0) return Math.min(chunk.length, index + text.length + 1)
      }
      return chunk.length
    },
    isLeft: (): boolean => left > 0,
  }
}

/** Gives how long the file is that a line of an index names. */
export function namedBytes(line: string): number {
  const told = SIZE.exec(line.slice(-LONGEST_SIZE))?.[1]
  return told === undefined ? UNTOLD : Number(told)
}

/** Tells whether a line is one of those that Coraza writes before the one with the path: addresses and time, request line, status. */
export function isCorazaIndexHead(line: string): boolean {
  return CORAZA_HEAD.test(line)
}

function isOfModSecurity(line: string): boolean {
  const end = line.slice(-LONGEST_END)
  return MODSECURITY.test(end) || BEHIND_BLANK.test(end)
}

const BRACE = 125
/** How a log of whole entries begins: with part A of a native one, or with JSON. */
const ENTRY_START = /^[\0\s]*(?:--[0-9A-Za-z-]{1,64}-A--|\{)/
const LONGEST_GAP = 4096
const LONGEST_END = 4200
/** Host and address. */
const INDEX_HEAD = /^[^ ]* (?=[^ ]*[.:])[0-9a-fA-F.:]{2,64} /
const MODSECURITY = / (\/[^\s]{1,4096}) \d{1,12} \d{1,12}(?:\.\d{1,9})? md5:[0-9a-f]{32} ?(?: ?L)?$/
/** Where the storage folder has a blank in its path, only what the engine itself appends to that is told from what a client sent. */
const BEHIND_BLANK =
  / [^\s/]\S{0,4096}?(\/\d{8}\/\d{8}-\d{4}\/\d{8}-\d{6}-\S{1,256}) \d{1,12} \d{1,12}(?:\.\d{1,9})? md5:[0-9a-f]{32} ?(?: ?L)?$/
/** The ends of all lines that name a file. */
const ENDS = / (?:\d{1,12}(?:\.\d{1,9})? md5:[0-9a-f]{32} ?(?: ?L)?|- \/\S{0,4096}\/\d{8}-\d{6}-\S{1,256})$/gm
const SIZE = / (\d{1,12})(?:\.\d{1,9})? md5:[0-9a-f]{32} ?(?: ?L)?$/
const LONGEST_SIZE = 80
/** Coraza does not say how long a file is. */
const UNTOLD = 1024 * 1024
const CORAZA = /^\S{1,256} - (\/\S{0,4096}\/\d{8}\/\d{8}-\d{4}\/\d{8}-\d{6}-\S{1,256})$/
const CORAZA_HEAD = /^(?:\S{1,64} \S{1,64} - - \[\d{4}\/\d{2}\/\d{2} [\d:]{8}\]| "\S{1,32} \S* \S{0,16}"| \d{3})$/
