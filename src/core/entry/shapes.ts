import type { Format } from '../types.ts'

/** The first bytes of every JSON entry. Inside a JSON string its quotes are escaped, so it never occurs twice in a whole entry. */
export const JSON_START = '{"transaction":{'

export type NativeFormat = 'v2-native' | 'v3-native' | 'coraza-native'

/** The line before a part: `boundary` with its dashes (`--26ef6e3e-`), `part` a letter; `length` is that of the whole line. */
export type Heading = { format: NativeFormat; boundary: string; part: string; length: number }

/** What is special about a native format: the order of its parts, and those in which a client can begin a line. */
export const LAYOUTS: Readonly<Record<NativeFormat, { order: string; clientParts: string }>> = {
  // Part I is written urlencoded on one line.
  'v2-native': { order: 'ABCIFEHJKZ', clientParts: 'CE' },
  'v3-native': { order: 'ABCDEFGHIJKZ', clientParts: 'C' },
  'coraza-native': { order: 'ABCDEFGHIJKZ', clientParts: 'CEIJ' },
}

const SHAPES: readonly { format: NativeFormat; length: number; pattern: RegExp }[] = [
  { format: 'v3-native', length: 17, pattern: /^(---[0-9A-Za-z]{8}---)([A-KZ])--$/ },
  { format: 'v2-native', length: 14, pattern: /^(--[0-9a-f]{8}-)([A-KZ])--$/ },
  { format: 'coraza-native', length: 16, pattern: /^(--[A-Za-z]{10}-)([A-KZ])--$/ },
]
const LONGEST_HEADING = 17

const A_LINE =
  /^\[(?:\d{2}\/[A-Z][a-z]{2}\/\d{4}:[\d:.]{8,15} [+-][\d-]{4,6}|\d{4}\/\d{2}\/\d{2} [\d:]{8})\] \S+ \S+ \d{1,5} \S+ \d{1,5}\r?$/
const LONGEST_A_LINE = 1024
const DASH = 45

/** Tells which engine wrote a JSON entry from its first key, the one place that no client can write to. */
export function jsonFormat(text: string): Format {
  if (text.startsWith('"client_ip"', JSON_START.length)) return 'v3-json'
  if (text.startsWith('"timestamp"', JSON_START.length)) return 'coraza-json'
  if (!text.startsWith('"time":"', JSON_START.length)) return 'v3-json'
  return text.charAt(JSON_START.length + 12) === '/' ? 'coraza-json-legacy' : 'v2-json'
}

/** Reads the line [from, to) as a heading; undefined for anything else. */
export function headingAt(bytes: Buffer, from: number, to: number): Heading | undefined {
  if (bytes[from] !== DASH || bytes[from + 1] !== DASH || to - from > LONGEST_HEADING) return undefined
  return headingOf(bytes.toString('latin1', from, to))
}

/** Reads an A heading at the end of the line [from, to): a full disk tears an entry and glues the next one to it. */
export function gluedHeading(bytes: Buffer, from: number, to: number): Heading | undefined {
  if (bytes[to - 1] !== DASH || bytes[to - 2] !== DASH || bytes[to - 3] !== 65) return undefined
  const end = bytes.toString('latin1', Math.max(from, to - LONGEST_HEADING), to)
  for (const { length } of SHAPES) {
    const found = end.length >= length ? headingOf(end.slice(-length)) : undefined
    if (found) return found
  }
  return undefined
}

/** Tells whether the line [from, to) is what follows an A heading: time, id, client and server. */
export function isALine(bytes: Buffer, from: number, to: number): boolean {
  return to - from <= LONGEST_A_LINE && A_LINE.test(bytes.toString('latin1', from, to))
}

function headingOf(line: string): Heading | undefined {
  for (const { format, length, pattern } of SHAPES) {
    const found = line.length === length ? pattern.exec(line) : null
    if (found) return { format, boundary: found[1]!, part: found[2]!, length }
  }
  return undefined
}
