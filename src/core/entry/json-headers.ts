import { parseJson } from './fields.ts'

type Headers = readonly (readonly [name: string, value: string])[]

const KEY = '"headers":{'
const QUOTE = 34
const COMMA = 44
const COLON = 58
const BACKSLASH = 92

/** Reads the first `"headers"` object of a whole JSON entry in the order in which it stands, duplicate names included (JSON.parse keeps
 *  only the last of them, moves numeric names to the front). Quotes within strings are escaped, so the first `"headers":{`
 *  is the request's. Ends before a value that is no string. The entry must be valid JSON. */
export function jsonHeaders(entry: string): Headers {
  const key = entry.indexOf(KEY)
  if (key < 0) return []
  const headers: [string, string][] = []
  let at = key + KEY.length
  while (entry.charCodeAt(at) === QUOTE) {
    const nameEnd = stringEnd(entry, at)
    if (entry.charCodeAt(nameEnd) !== COLON || entry.charCodeAt(nameEnd + 1) !== QUOTE) return headers
    const valueEnd = stringEnd(entry, nameEnd + 1)
    headers.push([readString(entry, at, nameEnd), readString(entry, nameEnd + 1, valueEnd)])
    const next = entry.charCodeAt(valueEnd)
    if (next !== COMMA) return headers
    at = valueEnd + 1
  }
  return headers
}

/** Gives the position behind the closing quote of the string that opens at `open`. */
function stringEnd(entry: string, open: number): number {
  for (let at = entry.indexOf('"', open + 1); at >= 0; at = entry.indexOf('"', at + 1)) {
    let backslashes = 0
    while (entry.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes += 1
    if (backslashes % 2 === 0) return at + 1
  }
  return entry.length
}

function readString(entry: string, open: number, end: number): string {
  const raw = entry.slice(open + 1, end - 1)
  return raw.includes('\\') ? String(parseJson(entry.slice(open, end))) : raw
}
