import type { Millis } from '../types.ts'
import type { HeardHour } from './pauses.ts'

const HOUR: Millis = 3_600_000
const WEEK = 7 * 24
const WEEKS = 4
/** No pause that is shorter than this is worth a word: a web server may be restarted or upgraded. */
const FLOOR: Millis = HOUR / 4
/** Fewer hours with entries tell nothing about pauses. */
const FEWEST = 10
/** A site is known after a week, for it may be closed at the weekend; one that never sleeps after two days. */
const KNOWN = WEEK
const KNOWN_SLEEPLESS = 48
/** From here on it can be told whether a pause was a single one. */
const KNOWN_WELL = 2 * WEEK

type Hours = ReadonlyMap<number, HeardHour>

/** Says until when a pause that began at `since` is nothing unusual; undefined while too little is known. Infinity: for as long as can be foreseen.
 *
 *  Measured in active time: an hour counts as much as entries came in the same hour of the other weeks (all of it when always, nothing when
 *  never), so that neither nights nor weekends of a site make a pause long. It is unusual when it is more than twice as long as the longest
 *  one of four weeks; the fewer pauses are known, the more than that, for the longest of few says less about the next one (with exponential
 *  pauses, N of them, and the factor F one in N ** F / F! is longer). */
export function usualUntil(hours: Hours, since: Millis): Millis | undefined {
  const end = Math.floor(since / HOUR)
  if (!isKnown(hours, end)) return undefined
  const factor = 2 + 30 / hours.size
  const activity = createActivity(hours, end)
  const pauses = [...hours.values()].map(({ pause, endedAt }) => activeTime(endedAt - pause, endedAt, activity)).sort((a, b) => b - a)
  const longest = end - firstOf(hours) >= KNOWN_WELL ? longestUsual(pauses, factor) : pauses[0]!
  return Math.max(since + FLOOR, endOf(since, factor * longest, activity))
}

function isKnown(hours: Hours, end: number): boolean {
  if (hours.size < FEWEST) return false
  const length = end - firstOf(hours)
  return length >= KNOWN || (length >= KNOWN_SLEEPLESS && hours.size > length)
}

/** Makes the function that gives how active an hour is (0 to 1): the share of the same hours of the other weeks in which entries came. What is not
 *  known counts as active. */
function createActivity(hours: Hours, end: number): (hour: number) => number {
  const first = firstOf(hours)
  return hour => {
    let [known, heard] = [0, 0]
    for (let weeks = -WEEKS; weeks <= WEEKS; weeks++) {
      const other = hour + weeks * WEEK
      if (weeks === 0 || other < first || other >= end) continue
      known++
      if (hours.has(other)) heard++
    }
    return known === 0 ? 1 : heard / known
  }
}

function activeTime(from: Millis, to: Millis, activity: (hour: number) => number): Millis {
  let sum = 0
  for (let hour = Math.floor(from / HOUR); hour * HOUR < to; hour++)
    sum += activity(hour) * (Math.min(to, (hour + 1) * HOUR) - Math.max(from, hour * HOUR))
  return sum
}

/** The instant at which so much active time has passed. */
function endOf(from: Millis, active: Millis, activity: (hour: number) => number): Millis {
  let left = active
  const first = Math.floor(from / HOUR)
  for (let hour = first; hour < first + WEEKS * WEEK; hour++) {
    const start = Math.max(from, hour * HOUR)
    const passing = activity(hour) * ((hour + 1) * HOUR - start)
    if (passing > left) return start + left / activity(hour)
    left -= passing
  }
  return Number.POSITIVE_INFINITY
}

/** The longest pause but for two at most that were unusual themselves: what was told must not be usual from then on. */
function longestUsual([first = 0, second = 0, third = 0]: readonly Millis[], factor: number): Millis {
  if (second > factor * third) return third
  return first > factor * second ? second : first
}

function firstOf(hours: Hours): number {
  return hours.keys().next().value ?? 0
}
