import type { Shape } from '../fields/shape.ts'
import type { KeyIds } from './keys.ts'

/** Longer outlines seldom come again. */
const LONGEST = 48
const SLOTS = 4096

/** Remembers what was made of outlines under keys: lists of records, and the numbers, dates and names of any request, have few. */
export type OutlineMemo<T> = {
  get(shape: Shape, group: number, ids: KeyIds): T | undefined
  set(shape: Shape, group: number, ids: KeyIds, made: T): void
}

/** Makes an empty memo of bounded size: what falls onto a taken slot takes its place. */
export function createOutlineMemo<T>(): OutlineMemo<T> {
  const symbols = new Uint8Array(SLOTS * LONGEST)
  const lengths = new Uint8Array(SLOTS)
  /** Group and ids of each slot. */
  const owners = new Int32Array(SLOTS * 4)
  const made: (T | undefined)[] = new Array(SLOTS).fill(undefined)

  const slotOf = (hash: number, group: number, { anywhere, atHost, atTemplate }: KeyIds) => {
    let mixed = Math.imul(hash ^ Math.imul(anywhere, 0x85ebca6b), 0x9e3779b1)
    mixed = Math.imul(mixed ^ (mixed >>> 15) ^ Math.imul(atHost, 0xc2b2ae35) ^ Math.imul(atTemplate, 0x27d4eb2f) ^ group, 0x2c1b3c6d)
    return (mixed >>> 13) & (SLOTS - 1)
  }

  return {
    get(shape, group, ids) {
      const { length } = shape
      if (length > LONGEST) return undefined
      const slot = slotOf(shape.hash, group, ids)
      const owner = slot * 4
      if (lengths[slot] !== length || owners[owner] !== group || owners[owner + 1] !== ids.anywhere) return undefined
      if (owners[owner + 2] !== ids.atHost || owners[owner + 3] !== ids.atTemplate) return undefined
      const first = slot * LONGEST
      for (let at = 0; at < length; at++) if (symbols[first + at] !== shape.symbols[at]) return undefined
      return made[slot]
    },
    set(shape, group, ids, value) {
      const { length } = shape
      if (length > LONGEST) return
      const slot = slotOf(shape.hash, group, ids)
      lengths[slot] = length
      owners[slot * 4] = group
      owners[slot * 4 + 1] = ids.anywhere
      owners[slot * 4 + 2] = ids.atHost
      owners[slot * 4 + 3] = ids.atTemplate
      const first = slot * LONGEST
      for (let at = 0; at < length; at++) symbols[first + at] = shape.symbols[at]!
      made[slot] = value
    },
  }
}
