import { utf8 } from './decode.ts'

/** Takes a leaf: the name of the nearest object key above a value, and the value as text, strings unescaped, numbers and words as they stand. */
export type TakeLeaf = (key: string, value: string) => void

/** Deeper than this nobody's data goes, and a parser's stack soon ends. */
const MOST_DEPTH = 512
const CONTROL = /[\x00-\x1f]/
const BROKEN_ESCAPE = /\\u(?![0-9a-fA-F]{4})|\\[^"\\/bfnrtu]/
const SCALAR = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
/** The second half of a pair that stands for one character. */
const LOW = /\\u([dD][c-fC-F][0-9a-fA-F]{2})/y
const PLAIN: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }
const [TAB, LINE, RETURN, BLANK, QUOTE, COMMA, COLON] = [9, 10, 13, 32, 34, 44, 58]
const [BRACKET, BACKSLASH, CLOSING_BRACKET, BRACE] = [91, 92, 93, 123]

/** Reads the leaves of a JSON text in their order, doubled keys too (a parser keeps one of them, and not all keep the same); false when it is no
 *  JSON, which may show behind leaves that were taken. Behind the first `most` leaves what follows comes as one, as it stands. Text has one character
 *  a byte. Linear in its length. */
export function readLeaves(text: string, take: TakeLeaf, most = Number.POSITIVE_INFINITY): boolean {
  let leaves = 0
  /** What is open: the sign that closes it, and the key it stands under. */
  const closing: number[] = []
  const keys: string[] = []
  let at = 0
  let key = ''

  skipBlank()
  while (true) {
    const first = text.charCodeAt(at)
    if (first === BRACE || first === BRACKET) {
      if (closing.length === MOST_DEPTH) return false
      closing.push(first + 2)
      keys.push(key)
      at++
      skipBlank()
      if (text.charCodeAt(at) !== first + 2) {
        if (first === BRACE && !readKey()) return false
        continue
      }
    } else {
      const value = readScalar()
      if (value === undefined) return false
      take(key, value)
      if (++leaves === most) {
        take('', text.slice(at))
        return true
      }
      skipBlank()
      if (closing.length === 0) return at === text.length
    }
    // A value has ended, or an empty object or array stands at its closing sign.
    while (true) {
      const sign = text.charCodeAt(at)
      const expected = closing.at(-1)!
      if (sign === COMMA) {
        at++
        skipBlank()
        if (expected === CLOSING_BRACKET) key = keys.at(-1)!
        else if (!readKey()) return false
        break
      }
      if (sign !== expected) return false
      closing.pop()
      keys.pop()
      at++
      skipBlank()
      if (closing.length === 0) return at === text.length
    }
  }

  function skipBlank(): void {
    for (let code = text.charCodeAt(at); code === BLANK || code === LINE || code === RETURN || code === TAB; code = text.charCodeAt(at))
      at++
  }

  /** Reads a member's key, up to its value; says whether there is one. */
  function readKey(): boolean {
    const name = text.charCodeAt(at) === QUOTE ? readString() : undefined
    if (name === undefined) return false
    key = name
    skipBlank()
    if (text.charCodeAt(at) !== COLON) return false
    at++
    skipBlank()
    return true
  }

  function readScalar(): string | undefined {
    if (text.charCodeAt(at) === QUOTE) return readString()
    SCALAR.lastIndex = at
    if (!SCALAR.test(text)) return undefined
    const start = at
    at = SCALAR.lastIndex
    return text.slice(start, at)
  }

  function readString(): string | undefined {
    const start = at + 1
    let end = text.indexOf('"', start)
    let before = start
    while (end >= 0 && isEscaped(text, before, end)) {
      before = end
      end = text.indexOf('"', end + 1)
    }
    if (end < 0) return undefined
    at = end + 1
    const raw = text.slice(start, end)
    if (CONTROL.test(raw)) return undefined
    if (!raw.includes('\\')) return raw
    // An escaped backslash must not be taken for the start of the next escape.
    return BROKEN_ESCAPE.test(raw.replaceAll('\\\\', '//')) ? undefined : withoutEscapes(raw)
  }
}

/** Says whether the quote stands behind an odd number of backslashes; looks back no further than `from`. */
function isEscaped(text: string, from: number, quote: number): boolean {
  let first = quote
  while (first > from && text.charCodeAt(first - 1) === BACKSLASH) first--
  return (quote - first) % 2 === 1
}

function withoutEscapes(text: string): string {
  let out = ''
  let start = 0
  for (let at = text.indexOf('\\'); at >= 0; at = text.indexOf('\\', start)) {
    out += text.slice(start, at)
    const sign = text[at + 1]!
    start = at + 2
    if (sign !== 'u') out += PLAIN[sign] ?? sign
    else {
      const code = Number.parseInt(text.slice(start, start + 4), 16)
      start += 4
      LOW.lastIndex = start
      const low = code >= 0xd800 && code < 0xdc00 ? LOW.exec(text) : null
      if (low !== null) start += 6
      out += utf8(low === null ? code : 0x10000 + ((code - 0xd800) << 10) + Number.parseInt(low[1]!, 16) - 0xdc00)
    }
  }
  return out + text.slice(start)
}
