import type { NativeFormat } from './shapes.ts'
import type { Piece } from './split.ts'

const HEADINGS: Readonly<Record<NativeFormat, RegExp>> = {
  'v2-native': /(--[0-9a-f]{8}-)([AZ])--\r?\n/g,
  'v3-native': /(---[0-9A-Za-z]{8}---)([AZ])--\r?\n/g,
  'coraza-native': /(--[A-Za-z]{10}-)([AZ])--\r?\n/g,
}

/** Finds what looks like whole entries in text behind a torn part that a client may have written: low trust, the rest is skipped. An A
 *  heading begins an entry if a Z with its boundary follows, whatever stands between. `start` is the text's file offset. */
export function lowTrustPieces(text: string, start: number, format: NativeFormat): Piece[] {
  const begins: { at: number; end: number }[] = []
  const ends = new Map<string, number>()
  for (const found of [...text.matchAll(HEADINGS[format])].reverse()) {
    const [line, boundary = '', part] = found
    if (part === 'Z' && text[found.index - 1] === '\n') ends.set(boundary, found.index + line.length)
    const end = part === 'A' ? ends.get(boundary) : undefined
    if (end === undefined) continue
    begins.push({ at: found.index, end })
    // Boundaries repeat: an A before this one has lost its Z.
    ends.delete(boundary)
  }
  const pieces: Piece[] = []
  let settled = 0
  for (const { at, end } of begins.reverse()) {
    if (at < settled) continue
    if (at > settled) pieces.push(torn(start + settled, start + at))
    pieces.push({ kind: 'entry', format, trust: 'low', text: text.slice(at, end), start: start + at, end: start + end })
    settled = end
  }
  if (text.slice(settled).trim() !== '') pieces.push(torn(start + settled, start + text.length))
  return pieces
}

function torn(start: number, end: number): Piece {
  return { kind: 'skipped', problem: 'torn entry', start, end }
}
