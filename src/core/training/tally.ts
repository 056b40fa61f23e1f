import { printable } from '../printable.ts'

/** Counts what could not be read, by kind. */
export type Tally = {
  add(found: { problem: string; file: string; where: string }): void
  total(): number
  /** One sentence a kind, most frequent first. */
  lines(): string[]
}

const MOST_KINDS = 20

/** Makes a tally that keeps at most 20 kinds of problem, each with the place where it was met first. */
export function createTally(): Tally {
  const kinds = new Map<string, { count: number; first: string }>()
  let others = 0
  let total = 0
  return {
    add({ problem, file, where }) {
      total += 1
      const kind = kinds.get(problem)
      if (kind) kind.count += 1
      else if (kinds.size < MOST_KINDS) kinds.set(problem, { count: 1, first: `${file}, ${where}` })
      else others += 1
    },
    total: () => total,
    lines() {
      const told = [...kinds]
        .sort(([, a], [, b]) => b.count - a.count)
        .map(([problem, { count, first }]) => `left out ${count}: ${printable(problem)} (first at ${printable(first)})`)
      return others === 0 ? told : [...told, `left out ${others}: other problems`]
    },
  }
}
