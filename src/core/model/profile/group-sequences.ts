import { GROUPS } from '../fields/fields.ts'
import { SYMBOLS } from '../fields/shape.ts'
import type { Counted, GroupSequences } from './profile.ts'

const ORDERS = [1, 2, 3, 4] as const
const TRIPLES = SYMBOLS ** 3

/** Plain arrays: thousands of small typed ones leave holes in the memory that the system does not get back (20 MB). */
type Row = number[]
type Contexts = Map<number, Row>

/** Works out the chance of each symbol behind any three of a group: Witten-Bell over orders 1 to 4, which all follow from the counts of order 4.
 *  A context that was never seen has the row of the next shorter one. */
export function groupSequences(counted: Counted): GroupSequences {
  const row = new Int32Array(GROUPS.length * TRIPLES)
  const rows: Row[] = [new Array<number>(SYMBOLS).fill(1 / SYMBOLS)]
  countContexts(counted).forEach((longest, group) => {
    const three = withoutFirst(longest, SYMBOLS ** 2)
    const two = withoutFirst(three, SYMBOLS)
    const contexts = [withoutFirst(two, 1), two, three, longest]
    // Row by row from the shortest contexts to the longest: each one is then found by its place (a third of the time of a search for each).
    let shorter = new Int32Array(1)
    for (const order of ORDERS) {
      const size = SYMBOLS ** (order - 1)
      const place = Int32Array.from({ length: size }, (_, context) => shorter[context % shorter.length]!)
      for (const [context, counts] of contexts[order - 1]!) place[context] = rows.push(smooth(counts, rows[place[context]!]!)) - 1
      shorter = place
    }
    row.set(shorter, group * TRIPLES)
  })
  const chance = new Float64Array(rows.length * SYMBOLS)
  rows.forEach((values, index) => {
    chance.set(values, index * SYMBOLS)
  })
  return { row, chance }
}

/** Counts by group which symbols stand behind three others. */
function countContexts({ keys, counts }: Counted): Contexts[] {
  const groups = GROUPS.map((): Contexts => new Map())
  for (let index = 0; index < keys.length; index++) {
    const context = Math.floor(keys[index]! / SYMBOLS)
    rowOf(groups[Math.floor(context / TRIPLES)]!, context % TRIPLES)[keys[index]! % SYMBOLS] = counts[index]!
  }
  return groups
}

/** Sums over what stands first; `size`: how many contexts there are without it. */
function withoutFirst(contexts: Contexts, size: number): Contexts {
  const shorter: Contexts = new Map()
  for (const [context, counts] of contexts) {
    const sum = rowOf(shorter, context % size)
    for (let symbol = 0; symbol < SYMBOLS; symbol++) sum[symbol]! += counts[symbol]!
  }
  return shorter
}

function rowOf(contexts: Contexts, context: number): Row {
  let found = contexts.get(context)
  if (found === undefined) {
    found = new Array<number>(SYMBOLS).fill(0)
    contexts.set(context, found)
  }
  return found
}

/** Witten and Bell 1991: the chance of a symbol is (count + types * chance below) / (total + types). */
function smooth(found: Row, below: Row): Row {
  let total = 0
  let types = 0
  for (const count of found) {
    total += count
    if (count > 0) types++
  }
  return types === 0 ? below : found.map((count, symbol) => (count + types * below[symbol]!) / (total + types))
}
