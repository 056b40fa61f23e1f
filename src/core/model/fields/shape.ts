/** How many symbols a shape can have: 0 begin and end, 1 letter, 2 digit, 3 blank, 4 line end, 5 control, 6 non-ASCII byte, 7 to 38 the 32
 *  punctuation marks of ASCII in their order. */
export const SYMBOLS = 39
const PUNCTUATION = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'
const SYMBOL_OF = Uint8Array.from({ length: 256 }, (_, code) => symbolOf(code))
/** Runs of these count as one symbol. */
const COLLAPSED = Uint8Array.from({ length: SYMBOLS }, (_, symbol) => (symbol <= 3 || symbol === 6 ? 1 : 0))

/** The outline of a value: the first `length` of `symbols`, without the end sign, which the next outline overwrites; and which of them occur (bit s of `low` for symbols below 32, of `high` from 32 on);
 *  `hash` of equal outlines is equal. */
export type Shape = { symbols: Uint8Array; length: number; low: number; high: number; hash: number }

let scratch = new Uint8Array(4096)

/** Reduces text (one character a byte) to its outline: letters, digits, blanks and non-ASCII bytes without their number, punctuation as it is. */
export function shapeOf(text: string): Shape {
  if (scratch.length < text.length) scratch = new Uint8Array(text.length * 2)
  let length = 0
  let previous = 255
  let low = 0
  let high = 0
  let hash = 0
  for (let at = 0; at < text.length; at++) {
    const symbol = SYMBOL_OF[text.charCodeAt(at) & 0xff]!
    if (symbol === previous && COLLAPSED[symbol] === 1) continue
    scratch[length++] = symbol
    previous = symbol
    hash = Math.imul(hash ^ symbol, 0x01000193)
    if (symbol < 32) low |= 1 << symbol
    else high |= 1 << (symbol - 32)
  }
  return { symbols: scratch, length, low, high, hash }
}

/** Gives the place in a text at which a symbol of its outline stands; the end of the text for the end sign. */
export function placeOfSymbol(text: string, index: number): number {
  let symbols = 0
  let previous = 255
  for (let at = 0; at < text.length; at++) {
    const symbol = SYMBOL_OF[text.charCodeAt(at) & 0xff]!
    if (symbol === previous && COLLAPSED[symbol] === 1) continue
    if (symbols++ === index) return at
    previous = symbol
  }
  return text.length
}

function symbolOf(code: number): number {
  if ((code >= 65 && code <= 90) || (code >= 97 && code <= 122)) return 1
  if (code >= 48 && code <= 57) return 2
  if (code === 9 || code === 32) return 3
  if (code === 10 || code === 13) return 4
  if (code < 32 || code === 127) return 5
  return code >= 128 ? 6 : 7 + PUNCTUATION.indexOf(String.fromCharCode(code))
}
