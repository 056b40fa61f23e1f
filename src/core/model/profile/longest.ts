import { FOLDS } from './counter.ts'

/** Of most lengths the logarithm need not be worked out. */
const BITS = Float64Array.from({ length: 2048 }, (_, length) => Math.log2(1 + length))
/** Lengths are kept as their logarithm, in steps fine enough to tell 1 % of length. */
const STEPS = 256

/** The longest value under each key (by id), by fold. */
export type Longest = {
  note(id: number, fold: number, length: number): void
  /** The longest of all folds but one, by id up to `size`, in steps; 0 where there is none. */
  view(size: number, withoutFold?: number): Uint16Array
}

/** Makes a record of longest values. */
export function createLongest(): Longest {
  let lanes = new Uint16Array(64 * FOLDS)
  return {
    note(id, fold, length) {
      const at = id * FOLDS + fold
      if (at >= lanes.length) {
        const grown = new Uint16Array(Math.max(lanes.length * 2, at + FOLDS))
        grown.set(lanes)
        lanes = grown
      }
      const steps = Math.ceil(lengthBits(length) * STEPS)
      if (steps > lanes[at]!) lanes[at] = steps
    },
    view(size, withoutFold) {
      const longest = new Uint16Array(size)
      for (let id = 0; id < size; id++) {
        for (let fold = 0; fold < FOLDS; fold++) {
          if (fold !== withoutFold) longest[id] = Math.max(longest[id]!, lanes[id * FOLDS + fold] ?? 0)
        }
      }
      return longest
    },
  }
}

/** Gives by how many doublings a length exceeds the longest that was seen (in steps of `view`). */
export function excess(length: number, longest: number): number {
  return Math.max(0, lengthBits(length) - longest / STEPS)
}

function lengthBits(length: number): number {
  return length < BITS.length ? BITS[length]! : Math.log2(1 + length)
}
