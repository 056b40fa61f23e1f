/** Reduces text to its shape: letters to `a` or `A`, digits to `0`, bytes of UTF-8 to the first of their kind; punctuation and length stay, also
 *  inside %XX, %uXXXX and \uXXXX. The shape of a shape is itself. One character a byte (latin-1) in and out. */
export function shapeOf(text: string): string {
  let shape = ''
  for (let at = 0; at < text.length; ) {
    const length = text[at] === '%' || text[at] === '\\' ? escapeLength(text, at) : 1
    shape += length === 1 ? classOf(text.charCodeAt(at)) : shapeOfEscape(text.slice(at, at + length))
    at += length
  }
  return shape
}

function classOf(code: number): string {
  if (code >= 97 && code <= 122) return 'a'
  if (code >= 65 && code <= 90) return 'A'
  if (code >= 48 && code <= 57) return '0'
  if (code < 0x80) return String.fromCharCode(code)
  // Continuation and leading bytes keep their part, so that what was UTF-8 still is.
  if (code < 0xc0) return '\xa9'
  return code < 0xe0 ? '\xc3' : code < 0xf0 ? '\xe3' : '\xf0'
}

const PERCENT = /%(?:u[0-9a-f]{4}|[0-9a-f]{2}|[0-9a-z]{1,2})/iy
const BACKSLASH = /\\(?:u[0-9a-f]{4}|[bfnrt"'\\/])/iy

/** How many characters belong to the escape that begins here; 1 when none does. */
function escapeLength(text: string, at: number): number {
  const kind = text[at] === '%' ? PERCENT : BACKSLASH
  kind.lastIndex = at
  return kind.exec(text)?.[0].length ?? 1
}

function shapeOfEscape(text: string): string {
  if (text.length === 6) return text.slice(0, 2) + hex(wideClass(Number.parseInt(text.slice(2), 16)), 4)
  if (text[0] === '\\') return text
  const code = /^%[0-9a-f]{2}$/i.test(text) ? Number.parseInt(text.slice(1), 16) : undefined
  // `%zz` is no escape and must not become one.
  if (code === undefined) return text.replace(/[a-z]/gi, 'x').replace(/\d/g, '0')
  const shape = classOf(code)
  return shape === String.fromCharCode(code) ? text : `%${hex(shape.charCodeAt(0), 2)}`
}

function wideClass(code: number): number {
  if (code < 0x80) return classOf(code).charCodeAt(0)
  if (code >= 0xd800 && code < 0xe000) return code < 0xdc00 ? 0xd83d : 0xde00
  return code < 0x800 ? 0xe9 : 0x3042
}

function hex(code: number, digits: number): string {
  return code.toString(16).toUpperCase().padStart(digits, '0')
}
