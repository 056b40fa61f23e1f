import type { Scores } from './evaluation.ts'

/** How one request was scored; `capped`: its host has too little local data, so its score is held down. */
export type ScoredRequest = { raw: number; score: number; capped?: boolean }

/** What labelled data say about one request; `graft` is the place of the request in which the payload was put. */
export type SampleLabels = { label: 0 | 1; attack?: string; graft?: string }

/** `attack` is the kind of attack, `place` where in the request its payload was put. */
export type Grouping = 'attack' | 'place'

/** Scores of labelled requests as they come. */
export type Sample = {
  add(scored: ScoredRequest, labels: SampleLabels): void
  /** Takes over what another sample holds. */
  addAll(other: Sample): void
  benign(): Scores
  attack(): Scores
  /** The attacks of each group, in the order in which the groups were met; those of which the data say nothing are in none. */
  groups(by: Grouping): [name: string, scores: Scores][]
  capped(): number
  /** Everything that was added. */
  items(): Iterable<[ScoredRequest, SampleLabels]>
}

/** Hostile data could name a kind for each attack: what comes later counts as `other`. */
const MOST_GROUPS = 100
const OTHER = 'other'

/** Makes an empty sample; it takes 48 bytes a request. */
export function createSample(): Sample {
  const raws = createNumbers()
  const scores = createNumbers()
  const isCapped = createNumbers()
  const isAttack = createNumbers()
  const kinds = createNames()
  const places = createNames()

  function add({ raw, score, capped = false }: ScoredRequest, { label, attack, graft }: SampleLabels): void {
    raws.push(raw)
    scores.push(score)
    isCapped.push(capped ? 1 : 0)
    isAttack.push(label)
    kinds.push(label === 1 ? attack : undefined)
    places.push(label === 1 ? graft : undefined)
  }

  function pick(isWanted: (at: number) => boolean): Scores {
    const wanted = isAttack.list().map((_, at) => (isWanted(at) ? 1 : 0))
    return { raw: raws.list().filter((_, at) => wanted[at] === 1), score: scores.list().filter((_, at) => wanted[at] === 1) }
  }

  function* items(): Generator<[ScoredRequest, SampleLabels]> {
    for (let at = 0; at < raws.list().length; at++) {
      const [attack, graft] = [kinds.nameAt(at), places.nameAt(at)]
      const labels = {
        label: isAttack.at(at) as 0 | 1,
        ...(attack === undefined ? {} : { attack }),
        ...(graft === undefined ? {} : { graft }),
      }
      yield [{ raw: raws.at(at), score: scores.at(at), capped: isCapped.at(at) === 1 }, labels]
    }
  }

  return {
    add,
    addAll(other) {
      for (const [scored, labels] of other.items()) add(scored, labels)
    },
    benign: () => pick(at => isAttack.at(at) === 0),
    attack: () => pick(at => isAttack.at(at) === 1),
    groups(by) {
      const names = by === 'attack' ? kinds : places
      return names.all().map((name, index) => [name, pick(at => names.indexAt(at) === index)])
    },
    capped: () => isCapped.list().reduce((sum, value) => sum + value, 0),
    items,
  }
}

/** A list of numbers that doubles as it grows. */
function createNumbers() {
  let numbers = new Float64Array(1024)
  let length = 0
  return {
    push(value: number) {
      if (length === numbers.length) {
        const grown = new Float64Array(length * 2)
        grown.set(numbers)
        numbers = grown
      }
      numbers[length++] = value
    },
    at: (index: number) => numbers[index]!,
    list: () => numbers.subarray(0, length),
  }
}

/** A list of names of which there are few. */
function createNames() {
  const names = new Map<string, number>()
  const list: string[] = []
  const indexes = createNumbers()
  return {
    push(name: string | undefined) {
      const known = name === undefined || names.has(name) || names.size < MOST_GROUPS - 1 ? name : OTHER
      if (known !== undefined && !names.has(known)) names.set(known, list.push(known) - 1)
      indexes.push(known === undefined ? -1 : names.get(known)!)
    },
    indexAt: (at: number) => indexes.at(at),
    nameAt: (at: number): string | undefined => list[indexes.at(at)],
    all: (): readonly string[] => list,
  }
}
