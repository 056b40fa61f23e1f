import { utf8 } from './decode.ts'

/** The name of the nearest object key above a value, and the value as text: strings unescaped, numbers and words as they stand. */
export type Leaf = readonly [key: string, value: string]

/** Deeper than this nobody's data goes, and a parser's stack soon ends. */
const MOST_DEPTH = 512
const BLANK = /[ \t\r\n]*/y
const BROKEN = /[\x00-\x1f]|\\u(?![0-9a-fA-F]{4})|\\[^"\\/bfnrtu]/
const SCALAR = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
const ESCAPES = /\\(?:u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|(.))/gs
const PLAIN: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

/** Reads the leaves of a JSON text in their order, doubled keys too (a parser keeps one of them, and not all keep the same); undefined when it is no
 *  JSON. Text has one character a byte. Linear in its length. */
export function jsonLeaves(text: string): Leaf[] | undefined {
  const leaves: Leaf[] = []
  /** What is open: an object has the key of its present member, an array the one it stands under. */
  const open: { isObject: boolean; key: string }[] = []
  let at = skipBlank(text, 0)
  let key = ''
  while (true) {
    const first = text[at]
    if (first === '{' || first === '[') {
      if (open.length === MOST_DEPTH) return undefined
      open.push({ isObject: first === '{', key })
      at = skipBlank(text, at + 1)
      if (text[at] !== (first === '{' ? '}' : ']')) {
        if (first === '[') continue
        const member = readKey(text, at)
        if (member === undefined) return undefined
        key = member.key
        at = member.at
        continue
      }
    } else {
      const value = readScalar(text, at)
      if (value === undefined) return undefined
      leaves.push([key, value.text])
      at = skipBlank(text, value.at)
      if (open.length === 0) return at === text.length ? leaves : undefined
    }
    // A value has ended, or an empty object or array stands at its closing sign.
    while (true) {
      const inner = open.at(-1)!
      if (text[at] === ',') {
        at = skipBlank(text, at + 1)
        if (inner.isObject) {
          const member = readKey(text, at)
          if (member === undefined) return undefined
          key = member.key
          at = member.at
        } else key = inner.key
        break
      }
      if (text[at] !== (inner.isObject ? '}' : ']')) return undefined
      open.pop()
      at = skipBlank(text, at + 1)
      if (open.length === 0) return at === text.length ? leaves : undefined
    }
  }
}

function skipBlank(text: string, at: number): number {
  BLANK.lastIndex = at
  BLANK.test(text)
  return BLANK.lastIndex
}

function readKey(text: string, at: number): { key: string; at: number } | undefined {
  const name = text[at] === '"' ? readScalar(text, at) : undefined
  if (name === undefined) return undefined
  const colon = skipBlank(text, name.at)
  return text[colon] === ':' ? { key: name.text, at: skipBlank(text, colon + 1) } : undefined
}

function readScalar(text: string, at: number): { text: string; at: number } | undefined {
  if (text[at] === '"') return readString(text, at + 1)
  SCALAR.lastIndex = at
  const found = SCALAR.exec(text)
  return found === null ? undefined : { text: found[0], at: SCALAR.lastIndex }
}

function readString(text: string, start: number): { text: string; at: number } | undefined {
  let end = text.indexOf('"', start)
  let before = start
  while (end >= 0 && isEscaped(text, before, end)) {
    before = end
    end = text.indexOf('"', end + 1)
  }
  if (end < 0) return undefined
  const raw = text.slice(start, end)
  // An escaped backslash must not be taken for the start of the next escape.
  if (BROKEN.test(raw.includes('\\') ? raw.replaceAll('\\\\', '') : raw)) return undefined
  return { text: raw.includes('\\') ? unescaped(raw) : raw, at: end + 1 }
}

/** Says whether the quote stands behind an odd number of backslashes; looks back no further than `from`. */
function isEscaped(text: string, from: number, quote: number): boolean {
  let first = quote
  while (first > from && text[first - 1] === '\\') first--
  return (quote - first) % 2 === 1
}

function unescaped(text: string): string {
  return text.replace(ESCAPES, (_, hex?: string, low?: string, plain?: string) => {
    if (plain !== undefined) return PLAIN[plain] ?? plain
    const code = Number.parseInt(hex!, 16)
    if (low === undefined) return utf8(code)
    const second = Number.parseInt(low, 16)
    return code >= 0xd800 && code < 0xdc00 ? utf8(0x10000 + ((code - 0xd800) << 10) + second - 0xdc00) : utf8(code) + utf8(second)
  })
}
