import { mulberry32 } from '../../../src/core/model/random.ts'
import { createPauses } from '../../../src/core/silence/pauses.ts'
import { usualUntil } from '../../../src/core/silence/usual.ts'
import type { Millis } from '../../../src/core/types.ts'

const MINUTE: Millis = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const WEEK = 7 * DAY
/** A Monday, 0:00. */
const START = Date.UTC(2026, 0, 5)

/** A site: how many visits an hour come at a time, and how many entries a visit makes. */
export type Site = { name: string; visits: (at: Millis) => number; mostVisits: number; entries: (random: () => number) => number }

const hourOf = (at: Millis) => (at % DAY) / HOUR
const isWeekday = (at: Millis) => (at - START) % WEEK < 5 * DAY
const single = () => 1
const pages = (mean: number) => (random: () => number) => 1 + Math.floor(-mean * Math.log(1 - random()))
/** Scanners: most make a few requests, some thousands. */
const heavyTailed = (random: () => number) => Math.min(5000, Math.ceil(3 / (1 - random())))
const always = (rate: number) => ({ visits: () => rate, mostVisits: rate })
const office = (rate: number, at: Millis) => {
  if (!isWeekday(at)) return 0
  const hour = hourOf(at)
  return hour < 7 || hour >= 19 ? 0 : hour < 8 || hour >= 18 ? rate / 4 : hour >= 12 && hour < 13 ? rate / 2 : rate
}

export const SITES: readonly Site[] = [
  { name: 'steady, 10 requests a minute', ...always(600), entries: single },
  { name: 'steady, 20 requests an hour', ...always(20), entries: single },
  {
    name: 'day and night, 100 visits an hour to 5',
    visits: at => 52 - 47 * Math.cos((hourOf(at) * Math.PI) / 12),
    mostVisits: 100,
    entries: pages(6),
  },
  { name: 'nobody from 0:00 to 6:00, else 30 visits an hour', visits: at => (hourOf(at) < 6 ? 0 : 30), mostVisits: 30, entries: pages(4) },
  { name: 'office hours on weekdays, 60 visits an hour', visits: at => office(60, at), mostVisits: 60, entries: pages(5) },
  {
    name: 'office hours, with the clock changed every 13 weeks',
    visits: at => office(60, at + (Math.floor((at - START) / (13 * WEEK)) % 2) * HOUR),
    mostVisits: 60,
    entries: pages(5),
  },
  { name: 'office hours on weekdays, 4 visits an hour', visits: at => office(4, at), mostVisits: 4, entries: pages(5) },
  { name: 'small shop, 40 visits a day', visits: at => (hourOf(at) < 7 ? 0.2 : 2.3), mostVisits: 2.3, entries: pages(8) },
  { name: 'tiny, 5 requests a day', ...always(5 / 24), entries: single },
  { name: 'tiny, one visit a day', ...always(1 / 24), entries: pages(5) },
  { name: 'attacks only, 8 scanners a day', ...always(8 / 24), entries: heavyTailed },
  { name: 'attacks only, 100 scanners a day', ...always(100 / 24), entries: heavyTailed },
]

/** Nothing can be known of a holiday before it comes: each is told as a pause that is not usual, and ends on the next working day. */
export const HOLIDAYS: Site = {
  name: 'office hours, with a holiday on each 26th day (10 a year on weekdays)',
  visits: at => (Math.floor((at - START) / DAY) % 26 === 25 ? 0 : office(60, at)),
  mostVisits: 60,
  entries: pages(5),
}

/** When entries of a site come, in order: visits by chance, pages of a visit half a minute apart on average. */
export function arrivals({ visits, mostVisits, entries }: Site, weeks: number, seed: number): Millis[] {
  const random = mulberry32(seed)
  const wait = (mean: Millis) => -mean * Math.log(1 - random())
  const all: Millis[] = []
  for (let at = START + wait(HOUR / mostVisits); at < START + weeks * WEEK; at += wait(HOUR / mostVisits)) {
    if (random() * mostVisits >= visits(at)) continue
    let page = at
    for (let left = entries(random); left > 0; left--) {
      all.push(Math.floor(page))
      page += wait(MINUTE / 2)
    }
  }
  return all.sort((a, b) => a - b)
}

export type Outcome = { falseAlarms: number; weeks: number; delays: Millis[]; unknown: number }

/** Watches a site for so many weeks: how often a pause of its ordinary traffic is called unusual, and how long after the web server was stopped
 *  at any time it is told (from the fifth week on). `unknown`: stops at a time when too little was known. */
export function watch(site: Site, weeks: number, seed: number): Outcome {
  const times = arrivals(site, weeks, seed)
  const random = mulberry32(seed + 1)
  const pauses = createPauses()
  const outcome: Outcome = { falseAlarms: 0, weeks, delays: [], unknown: 0 }
  const stops = Array.from({ length: weeks }, () => START + (4 + random() * (weeks - 4)) * WEEK).sort((a, b) => a - b)
  for (const at of times) {
    const last = pauses.lastAt()
    if (last !== undefined) {
      // Judged by what was known then.
      while (stops[0] !== undefined && stops[0] < at) {
        const stop = stops.shift()!
        const limit = usualUntil(pauses.hours(), last)
        if (limit === undefined) outcome.unknown++
        else outcome.delays.push(Math.max(0, limit - stop))
      }
      if (at - last > 10 * MINUTE && at > (usualUntil(pauses.hours(), last) ?? Number.POSITIVE_INFINITY)) outcome.falseAlarms++
    }
    pauses.note(at)
  }
  return outcome
}
