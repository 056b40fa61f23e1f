import { slotOf } from './hash.ts'

/** Counts by whole-number keys up to 2^53, in six lanes: all, and one for each fold. */
export type Counter = {
  /** Adds `by` to the lane of all and, where `fold` is 0 to 4, to its own. False when a key beyond the most was not taken up. */
  add(key: number, fold: number, by?: number): boolean
  /** Adds to one fold's lane only. */
  addToFold(key: number, fold: number, by: number): void
  size(): number
  /** The keys, rising, and for each its lanes one after the other. The counter is empty afterwards and must not be used again. */
  sorted(): { keys: Float64Array; lanes: Int32Array }
}

export const FOLDS = 5
export const LANES = FOLDS + 1

/** Makes an empty counter of `most` keys. Open addressing with linear probing; grows by doubling. */
export function createCounter(most = Number.POSITIVE_INFINITY): Counter {
  let mask = 1023
  let keys = new Float64Array(mask + 1).fill(-1)
  let lanes = new Int32Array((mask + 1) * LANES)
  let used = 0

  function place(key: number): number {
    let at = slotOf(key) & mask
    while (keys[at] !== -1 && keys[at] !== key) at = (at + 1) & mask
    return at
  }

  /** -1 where there is no room for it. */
  function find(key: number): number {
    let at = place(key)
    if (keys[at] === key) return at * LANES
    if (used >= most) return -1
    if (used * 3 > mask * 2) {
      grow()
      at = place(key)
    }
    keys[at] = key
    used++
    return at * LANES
  }

  function grow(): void {
    const [oldKeys, oldLanes] = [keys, lanes]
    mask = mask * 2 + 1
    keys = new Float64Array(mask + 1).fill(-1)
    lanes = new Int32Array((mask + 1) * LANES)
    for (let at = 0; at < oldKeys.length; at++) {
      if (oldKeys[at] === -1) continue
      const to = place(oldKeys[at]!)
      keys[to] = oldKeys[at]!
      for (let lane = 0; lane < LANES; lane++) lanes[to * LANES + lane] = oldLanes[at * LANES + lane]!
    }
  }

  return {
    add(key, fold, by = 1) {
      const at = find(key)
      if (at < 0) return false
      lanes[at]! += by
      lanes[at + 1 + fold]! += by
      return true
    },
    addToFold(key, fold, by) {
      const at = find(key)
      if (at >= 0) lanes[at + 1 + fold]! += by
    },
    size: () => used,
    sorted() {
      const inOrder = keys.filter(key => key !== -1).sort()
      const sortedLanes = new Int32Array(inOrder.length * LANES)
      inOrder.forEach((key, index) => {
        const from = place(key) * LANES
        for (let lane = 0; lane < LANES; lane++) sortedLanes[index * LANES + lane] = lanes[from + lane]!
      })
      // Most of the memory of a training; nobody adds any more.
      keys = new Float64Array(0)
      lanes = new Int32Array(0)
      return { keys: inOrder, lanes: sortedLanes }
    },
  }
}
