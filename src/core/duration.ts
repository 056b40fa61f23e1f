import type { Millis } from './types.ts'

const UNITS: Readonly<Record<string, Millis>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** No span is longer, but the one that never ends: what is added to the time of day must stay a time that can be written down. */
export const LONGEST: Millis = 36_525 * 86_400_000

/** Reads `90s 10m 1h 7d 2w` in milliseconds, `-1` as Infinity (never ends); undefined for anything else, and for more than 100 years. */
export function parseDuration(text: string): Millis | undefined {
  if (text === '-1') return Number.POSITIVE_INFINITY
  const match = /^(\d{1,9})([smhdw])$/.exec(text)
  const span = match ? Number(match[1]) * UNITS[match[2]!]! : Number.POSITIVE_INFINITY
  return span > LONGEST ? undefined : span
}

/** Writes a span as a person would say it, in its two largest units: `42 min`, `1 h 5 min`, `3 d`; negative spans count as 0 s. */
export function formatDuration(span: Millis): string {
  if (!Number.isFinite(span)) return 'never'
  const seconds = Math.max(0, Math.round(span / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d`
}
