import { slotOf } from './hash.ts'

/** In which folds values were seen, a bit a fold, by whole-number keys up to 2^53. */
export type SeenValues = {
  size(): number
  /** 0 when it was not seen. */
  get(key: number): number
  set(key: number, folds: number): void
  clear(): void
}

const FIRST_SLOTS = 1024

/** Makes an empty record: open addressing with linear probing, nine bytes a slot; a Map takes five times as much. */
export function createSeenValues(): SeenValues {
  let keys = new Float64Array(FIRST_SLOTS)
  let folds = new Uint8Array(FIRST_SLOTS)
  let used = 0

  function place(key: number): number {
    const mask = keys.length - 1
    let at = slotOf(key) & mask
    while (folds[at] !== 0 && keys[at] !== key) at = (at + 1) & mask
    return at
  }

  function grow(): void {
    const [oldKeys, oldFolds] = [keys, folds]
    keys = new Float64Array(oldKeys.length * 2)
    folds = new Uint8Array(oldKeys.length * 2)
    for (let at = 0; at < oldKeys.length; at++) {
      if (oldFolds[at] === 0) continue
      const to = place(oldKeys[at]!)
      keys[to] = oldKeys[at]!
      folds[to] = oldFolds[at]!
    }
  }

  return {
    size: () => used,
    get: key => folds[place(key)]!,
    set(key, seen) {
      let at = place(key)
      if (folds[at] === 0 && ++used * 3 > keys.length * 2) {
        grow()
        at = place(key)
      }
      keys[at] = key
      folds[at] = seen
    },
    clear() {
      keys = new Float64Array(FIRST_SLOTS)
      folds = new Uint8Array(FIRST_SLOTS)
      used = 0
    },
  }
}
