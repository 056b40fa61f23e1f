import { canonicalIp } from '../ip.ts'
import { toHttpRequest } from '../model/request.ts'
import type { HttpRequest, Ip, Millis, Result } from '../types.ts'
import { present } from './item.ts'

/** What a line of JSON says about a request beside the request itself. */
export type Labels = { at?: Millis; ip?: Ip; label?: 0 | 1; attack?: string; graft?: string }

const MOST_NAME = 64
/** What came out of a table (CSV) has its numbers as text. */
const ATTACK = new Set<unknown>([1, true, '1'])
const CLEAN = new Set<unknown>([0, false, '0'])
const ISO = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?$/
/** Later than the year 9999 is no time. */
const LAST_MILLIS = 253_402_300_799_999

/** Reads a request from one line of JSON (the input of `score`), with what the optional fields `label`, `at` or `timestamp`, `ip`, `attack` and
 *  `graft` say; a field that cannot be read is as good as absent, but for a label: `isLabelClear` is false where something else than 0 or 1 was meant. */
export function readRequestLine(text: string): Result<{ request: HttpRequest; labels: Labels; isLabelClear: boolean }> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, problem: 'is no JSON' }
  }
  const request = toHttpRequest(value)
  if (!request.ok) return request
  const fields = value as { [name: string]: unknown }
  const labels = labelsOf(fields)
  const isLabelClear = labels.label !== undefined || (fields.label ?? undefined) === undefined
  return { ok: true, value: { request: request.value, labels, isLabelClear } }
}

/** Reads an instant: ISO 8601 (UTC where it names no zone), or seconds, milliseconds, microseconds or nanoseconds since 1970. */
export function readTime(value: unknown): Millis | undefined {
  if (typeof value === 'string' && !/^\d{1,19}(?:\.\d{1,9})?$/.test(value)) return isoTime(value)
  const number = typeof value === 'string' ? Number(value) : value
  if (typeof number !== 'number' || !(number > 0)) return undefined
  // A millisecond of 1973 is a second of 5138: the size tells the unit.
  const unit = number < 1e11 ? 1e3 : number < 1e14 ? 1 : number < 1e17 ? 1e-3 : 1e-6
  const at = Math.trunc(number * unit)
  return at <= LAST_MILLIS ? at : undefined
}

function labelsOf(value: { [name: string]: unknown }): Labels {
  const { label, ip } = value
  return present<Labels>({
    at: readTime(value.at ?? value.timestamp),
    ip: typeof ip === 'string' ? canonicalIp(ip) : undefined,
    label: ATTACK.has(label) ? 1 : CLEAN.has(label) ? 0 : undefined,
    attack: name(value.attack),
    graft: name(value.graft),
  })
}

function name(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, MOST_NAME) : undefined
}

function isoTime(text: string): Millis | undefined {
  const found = ISO.exec(text)
  if (!found) return undefined
  const at = Date.parse(`${text.replace(' ', 'T')}${found[1] === undefined ? 'Z' : ''}`)
  return Number.isNaN(at) ? undefined : at
}
