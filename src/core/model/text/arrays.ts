import * as v from 'valibot'

type Kind = 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'f64'
type ArrayOf = { u8: Uint8Array; i16: Int16Array; u16: Uint16Array; i32: Int32Array; u32: Uint32Array; f64: Float64Array }
const TYPES = { u8: Uint8Array, i16: Int16Array, u16: Uint16Array, i32: Int32Array, u32: Uint32Array, f64: Float64Array }

/** Writes numbers as text: their little-endian bytes in base64. */
export function arrayToText(array: ArrayOf[Kind]): string {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64')
}

/** A schema for numbers written by arrayToText; `length` is what their number must be, `check` what must hold of them besides. Numbers with a fraction must
 *  be finite. */
export function array<K extends Kind>(kind: K, check: (array: ArrayOf[K]) => boolean = () => true) {
  return v.pipe(
    v.string(),
    v.rawTransform<string, ArrayOf[K]>(({ dataset, addIssue, NEVER }) => {
      const bytes = Buffer.from(dataset.value, 'base64')
      // Written anew and compared: a pattern for base64 overflows its stack from some megabytes on, and is slower.
      if (bytes.toString('base64') !== dataset.value) {
        addIssue({ message: 'is no base64' })
        return NEVER
      }
      const size = TYPES[kind].BYTES_PER_ELEMENT
      if (bytes.length % size !== 0) {
        addIssue({ message: 'has a broken number at its end' })
        return NEVER
      }
      const copy = new Uint8Array(bytes.length)
      copy.set(bytes)
      const numbers = new TYPES[kind](copy.buffer) as ArrayOf[K]
      if ((kind === 'f64' && !numbers.every(Number.isFinite)) || !check(numbers)) {
        addIssue({ message: 'holds numbers that cannot be' })
        return NEVER
      }
      return numbers
    }),
  )
}

/** Says whether numbers never fall. */
export function isRising(numbers: ArrayLike<number>): boolean {
  for (let index = 1; index < numbers.length; index++) if (numbers[index]! < numbers[index - 1]!) return false
  return true
}

/** Says whether numbers are starts of `size` lists that together have `length` members. */
export function areStarts(starts: ArrayLike<number>, size: number, length: number): boolean {
  return starts.length === size + 1 && starts[0] === 0 && starts[size] === length && isRising(starts)
}

/** Says whether each of the numbers is below a limit. */
export function areBelow(numbers: ArrayLike<number>, limit: number): boolean {
  for (let index = 0; index < numbers.length; index++) if (!(numbers[index]! >= 0 && numbers[index]! < limit)) return false
  return true
}

/** Says whether keys are whole numbers from 0 to 2^53, each of them once. */
export function areKeys(numbers: Float64Array): boolean {
  return numbers.every(Number.isSafeInteger) && areBelow(numbers, Number.MAX_SAFE_INTEGER) && new Set(numbers).size === numbers.length
}
