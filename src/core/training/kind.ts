import { indexedPath, isCorazaIndexHead } from '../entry/index-line.ts'
import { headingAt, isALine, JSON_START } from '../entry/shapes.ts'
import { readAccessLine } from './access-line.ts'

/** What a file of training data holds; `empty` for one without anything, `unknown` for one that is none of these. */
export type Kind = 'requests' | 'audit-log' | 'access-log' | 'empty' | 'unknown'

/** So many bytes of a file's beginning are to be looked at. */
export const KIND_BYTES = 64 * 1024

/** Tells by the beginning of a file (KIND_BYTES are enough) what it holds; `goesOn`: there is more of it. A file that was cut in the middle of an entry may begin with lines that a
 *  client wrote, so a mark of an audit log anywhere counts more than what the lines before it look like. */
export function kindOf(first: Buffer, goesOn: boolean): Kind {
  const text = first.toString('latin1').replace(/^\xef\xbb\xbf/, '')
  const lines = text.split('\n').map(line => (line.endsWith('\r') ? line.slice(0, -1) : line))
  const filled = lines.filter(line => line.replaceAll('\0', '').trim() !== '')
  if (filled.length === 0) return goesOn && text !== '' ? 'unknown' : 'empty'
  if (filled.some(isAuditLine)) return 'audit-log'
  // The last line may go on beyond what was read: only its beginning can be judged.
  const cut = goesOn ? lines.at(-1) : undefined
  for (const line of filled) {
    if (isRequestLine(line, line === cut)) return 'requests'
    if (readAccessLine(line).ok) return 'access-log'
  }
  return 'unknown'
}

function isAuditLine(line: string): boolean {
  if (line.startsWith(JSON_START)) return true
  if (line.length > 20_000) return false
  const bytes = Buffer.from(line, 'latin1')
  return (
    headingAt(bytes, 0, bytes.length)?.part === 'A' ||
    isALine(bytes, 0, bytes.length) ||
    isCorazaIndexHead(line) ||
    indexedPath(line) !== undefined
  )
}

function isRequestLine(line: string, isCut: boolean): boolean {
  if (!/^\s*\{\s*"/.test(line.slice(0, 256))) return false
  if (isCut) return true
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && 'uri' in value
  } catch {
    return false
  }
}
