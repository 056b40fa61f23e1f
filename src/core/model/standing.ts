/** How well a host is known by a trained model. */
export type Standing = 'unknown' | 'young' | 'known'

/** From so many requests on, recorded at two times at least, a host's own data score it: with fewer, up to one in eight clean requests looked like an attack. */
export const ENOUGH = 200
/** From so many on it may reach 8: one in 10,000 is a guess before. */
export const PLENTY = 1000

/** What a score reaches at most. */
export const CEILING: Readonly<Record<Standing, number>> = { unknown: 6.9, young: 7.9, known: 10 }

/** Gives the standing of a host; `isSeenAgain`: it was recorded at two times at least, or nobody said when. */
export function standingOf(requests: number, isSeenAgain: boolean): Standing {
  if (!isSeenAgain || requests < ENOUGH) return 'unknown'
  return requests < PLENTY ? 'young' : 'known'
}
