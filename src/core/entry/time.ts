import type { Millis } from '../types.ts'

/** Gives the offset from UTC, in minutes (east positive), at a local wall-clock time that is given as if it were UTC. */
export type LocalOffset = (localAsUtc: Millis) => number

const MINUTE: Millis = 60_000
/** No clock is set back further. */
const LONGEST_CHANGE: Millis = 2 * 60 * MINUTE
const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec'
const APACHE = /^(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))? ([+-]-?)(\d{2})-?(\d{2})$/
const CTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/
const GO = /^(\d{4})\/(\d{2})\/(\d{2}) (\d{2}):(\d{2}):(\d{2})$/

/** Reads `22/Nov/2026:09:53:41.582928 +0000`; undefined for anything else. ModSecurity 2 prints -05:00 as `--0500` and
 *  -03:30 as `--03-30`. */
export function apacheTime(text: string): Millis | undefined {
  const found = APACHE.exec(text)
  if (!found) return undefined
  const [, day, month, year, hour, minute, second, fraction = '', sign, offsetHours, offsetMinutes] = found
  const local = utc(Number(year), monthOf(month!), Number(day), Number(hour), Number(minute), Number(second))
  if (local === undefined) return undefined
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * (sign!.includes('-') ? -1 : 1)
  return local - offset * 60_000 + Math.trunc(Number(`0.${fraction}0`) * 1000)
}

/** Reads ctime's `Sun Nov 22 09:57:15 2026`, which is local time without a zone; undefined for anything else. */
export function ctime(text: string, localOffset: LocalOffset): Millis | undefined {
  if (!CTIME.test(text)) return undefined
  const number = (from: number, to: number) => Number(text.slice(from, to))
  return toUtc(utc(number(20, 24), monthOf(text.slice(4, 7)), number(8, 10), number(11, 13), number(14, 16), number(17, 19)), localOffset)
}

/** Reads Coraza's `2026/11/22 09:57:15`, which is local time without a zone; undefined for anything else. */
export function goTime(text: string, localOffset: LocalOffset): Millis | undefined {
  const found = GO.exec(text)
  if (!found) return undefined
  const [, year, month, day, hour, minute, second] = found
  return toUtc(utc(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)), localOffset)
}

/** Makes a LocalOffset for the zone of this process (TZ). Clocks change on quarter hours only, so the last one is remembered. An hour that comes twice,
 *  when the clock is set back, is the second one, unless that lies in the future of `clock`. */
export function createLocalOffset(clock: () => Millis = () => Number.POSITIVE_INFINITY): LocalOffset {
  let quarter = Number.NaN
  let [first, second] = [0, 0]
  return localAsUtc => {
    const now = Math.floor(localAsUtc / 900_000)
    if (now !== quarter) {
      quarter = now
      const at = new Date(localAsUtc)
      const local = new Date(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate(), at.getUTCHours(), at.getUTCMinutes())
      first = -local.getTimezoneOffset()
      const after = -new Date(local.getTime() + LONGEST_CHANGE).getTimezoneOffset()
      const isTwice = after < first && -new Date(localAsUtc - after * MINUTE).getTimezoneOffset() === after
      second = isTwice ? after : first
    }
    return localAsUtc - second * MINUTE <= clock() + MINUTE ? second : first
  }
}

function toUtc(local: Millis | undefined, localOffset: LocalOffset): Millis | undefined {
  return local === undefined ? undefined : local - localOffset(local) * 60_000
}

function monthOf(name: string): number {
  const at = MONTHS.indexOf(name)
  return at % 3 === 0 ? at / 3 : -1
}

/** A leap second counts as the second before it; any other field out of range makes the time none. */
function utc(year: number, month: number, day: number, hour: number, minute: number, second: number): Millis | undefined {
  if (month < 0 || month > 11 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 || year < 1970) return undefined
  if (day > 28 && new Date(Date.UTC(year, month, day)).getUTCDate() !== day) return undefined
  return Date.UTC(year, month, day, hour, minute, Math.min(second, 59))
}
