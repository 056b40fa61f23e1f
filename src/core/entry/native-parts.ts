import { headingAt, LAYOUTS, type NativeFormat } from './shapes.ts'

const HEADING_END = /^[A-KZ]--(?:\r?\n|\r?$)/

export type NativeParts = ReadonlyMap<string, string>

/** Cuts a native entry into its parts, letter to text, in one pass over its own headings; undefined when it is none, was tampered with (a part twice
 *  or out of order) or has no end. */
export function readParts(text: string, format: NativeFormat): NativeParts | undefined {
  const firstLine = Buffer.from(text.slice(0, 20).split('\n', 1)[0]!, 'latin1')
  const heading = headingAt(firstLine, 0, firstLine.length - (firstLine.at(-1) === 13 ? 1 : 0))
  if (heading?.format !== format || heading.part !== 'A') return undefined
  const { order } = LAYOUTS[format]
  const parts = new Map<string, string>()
  let letter = 'A'
  let from = text.indexOf('\n') + 1
  for (let at = ownHeading(text, heading.boundary, from); at >= 0; at = ownHeading(text, heading.boundary, from)) {
    parts.set(letter, text.slice(from, at))
    const next = text.charAt(at + heading.boundary.length)
    if (order.indexOf(next) <= order.indexOf(letter)) return undefined
    letter = next
    const end = text.indexOf('\n', at)
    if (letter === 'Z') return end < 0 || text.slice(end).trim() === '' ? parts : undefined
    from = end + 1
  }
  return undefined
}

function ownHeading(text: string, boundary: string, from: number): number {
  for (let at = text.indexOf(boundary, from); at >= 0; at = text.indexOf(boundary, at + 1)) {
    const isAtStart = at === from || text[at - 1] === '\n'
    if (isAtStart && HEADING_END.test(text.slice(at + boundary.length, at + boundary.length + 5))) return at
  }
  return -1
}
