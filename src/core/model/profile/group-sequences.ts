import { GROUPS } from '../fields/fields.ts'
import { SYMBOLS } from '../fields/shape.ts'
import type { Counted, GroupSequences } from './profile.ts'

const UNIFORM = new Float64Array(SYMBOLS).fill(1 / SYMBOLS)

/** Works out the chance of each symbol behind any three of a group: Witten-Bell over orders 1 to 4, which all follow from the counts of order 4.
 *  A context that was never seen has the row of the next shorter one. */
export function groupSequences(counted: Counted): GroupSequences {
  const row = new Int32Array(GROUPS.length * SYMBOLS ** 3)
  const rows: Float64Array[] = []
  const ids = new Map<Float64Array, number>()
  for (let group = 0; group < GROUPS.length; group++) {
    const orders = [1, 2, 3, 4].map(order => countOrder(counted, group, order))
    const made = orders.map(() => new Map<number, Float64Array>())
    const rowOf = (order: number, context: number): Float64Array => {
      if (order === 0) return UNIFORM
      const known = made[order - 1]!.get(context)
      if (known !== undefined) return known
      const below = rowOf(order - 1, order < 2 ? 0 : context % SYMBOLS ** (order - 2))
      const found = orders[order - 1]!.get(context)
      if (found === undefined) return below
      const smoothed = smooth(found, below)
      made[order - 1]!.set(context, smoothed)
      return smoothed
    }
    for (let context = 0; context < SYMBOLS ** 3; context++) {
      const values = rowOf(4, context)
      let id = ids.get(values)
      if (id === undefined) {
        id = rows.push(values) - 1
        ids.set(values, id)
      }
      row[group * SYMBOLS ** 3 + context] = id
    }
  }
  const chance = new Float64Array(rows.length * SYMBOLS)
  rows.forEach((values, index) => void chance.set(values, index * SYMBOLS))
  return { row, chance }
}

/** Counts the symbols behind the last order - 1 symbols of a group. */
function countOrder({ keys, counts }: Counted, group: number, order: number): Map<number, Float64Array> {
  const span = SYMBOLS ** 4
  const contexts = new Map<number, Float64Array>()
  keys.forEach((key, index) => {
    if (Math.floor(key / span) !== group) return
    const context = Math.floor((key % span) / SYMBOLS) % SYMBOLS ** (order - 1)
    let found = contexts.get(context)
    if (found === undefined) {
      found = new Float64Array(SYMBOLS)
      contexts.set(context, found)
    }
    found[key % SYMBOLS]! += counts[index]!
  })
  return contexts
}

/** Witten and Bell 1991: the chance of a symbol is (count + types * chance below) / (total + types). */
function smooth(found: Float64Array, below: Float64Array): Float64Array {
  let total = 0
  let types = 0
  for (const count of found) {
    total += count
    if (count > 0) types++
  }
  return types === 0 ? below : found.map((count, symbol) => (count + types * below[symbol]!) / (total + types))
}
