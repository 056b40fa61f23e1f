import { createByteStore } from './byte-store.ts'

export type Shortener = {
  /** Takes the bytes [from, to), which go on where the last ones ended. */
  push(bytes: Buffer, from: number, to: number): void
  /** Gives what is left, one character a byte; undefined when that is still too much. */
  text(): string | undefined
}

const QUOTE = 34
const BACKSLASH = 92
const U = 117

/** Makes what shortens one line of JSON while it comes: of each string only the first `longestString` bytes are kept, with all of an escape that begins
 *  in them. Where a string ends is found exactly, so that nothing within one can pass for JSON. Keeps at most `maxBytes`. */
export function createShortener({ longestString, maxBytes }: { longestString: number; maxBytes: number }): Shortener {
  const kept = createByteStore()
  let isInString = false
  let isKeeping = true
  let isTooMuch = false
  /** Bytes of the string so far. */
  let length = 0
  /** Bytes of an escape that are still to come; the first of them says whether there are more. */
  let pending = 0
  let isEscapeStart = false

  function keep(bytes: Buffer, from: number, to: number): void {
    if (isTooMuch || kept.length() + to - from > maxBytes) {
      isTooMuch = true
      kept.clear()
    } else kept.append(bytes, from, to)
  }

  /** Says whether a byte within a string is the quote that ends it. */
  function endsString(byte: number): boolean {
    length += 1
    if (pending > 0) {
      pending = isEscapeStart && byte === U ? 4 : pending - 1
      isEscapeStart = false
      return false
    }
    if (byte === BACKSLASH) {
      pending = 1
      isEscapeStart = true
    }
    return byte === QUOTE
  }

  return {
    push(bytes, from, to) {
      let start = from
      for (let at = from; at < to; at += 1) {
        const byte = bytes[at]!
        if (!isInString) {
          isInString = byte === QUOTE
          length = 0
          continue
        }
        const isBetween = pending === 0
        isInString = !endsString(byte)
        if (!isInString) {
          if (!isKeeping) start = at
          isKeeping = true
        } else if (isKeeping && isBetween && length > longestString) {
          keep(bytes, start, at)
          isKeeping = false
        }
      }
      if (isKeeping) keep(bytes, start, to)
    },
    text: () => (isTooMuch ? undefined : kept.text(0)),
  }
}
