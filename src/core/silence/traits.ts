import type { Millis } from '../types.ts'

/** What an event may have; a change of the log's shape takes it from all of them. */
export const TRAITS = ['request', 'match', 'score'] as const
export type Trait = (typeof TRAITS)[number]

/** A trait that events have no longer: since when, how many lack it, and the share that had it before. */
export type LostTrait = { trait: Trait; since: Millis; events: number; share: number }

/** The share of events that had a trait is taken of about so many. */
const MEMORY = 500
/** Before so many nobody can say what they nearly all have. */
const ENOUGH = 200
const NEARLY_ALL = 0.9
/** So many in so long a time lack it: a scanner or a failing application alone makes many that look alike. */
const MOST_BY_CHANCE = 50
const FOR_A_WHILE: Millis = 3 * 3_600_000

export type Traits = ReturnType<typeof createTraits>

/** Makes the memory of what the events of one log have. */
export function createTraits() {
  const known = TRAITS.map(trait => ({ trait, share: 0, lacking: 0, since: 0 }))
  let events = 0
  let lastAt = 0
  return {
    /** Notes an event; its time is that of the log. */
    note(at: Millis, has: Readonly<Record<Trait, boolean>>): void {
      events++
      lastAt = Math.max(lastAt, at)
      const weight = 1 / Math.min(events, MEMORY)
      for (const row of known) {
        if (has[row.trait]) {
          // Those that lacked it count too, now that it was no end of it.
          row.share = row.share * (1 - weight) ** (row.lacking + 1) + weight
          row.lacking = 0
        } else if (row.lacking++ === 0) row.since = at
      }
    },
    /** What nearly all events had and, for a while now, none has. */
    lost: (): LostTrait[] =>
      known
        .filter(
          ({ share, lacking, since }) =>
            events - lacking >= ENOUGH && share >= NEARLY_ALL && lacking > MOST_BY_CHANCE && lastAt - since >= FOR_A_WHILE,
        )
        .map(({ trait, share, lacking, since }) => ({ trait, since, events: lacking, share })),
  }
}
