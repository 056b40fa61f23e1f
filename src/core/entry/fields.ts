import { canonicalIp } from '../ip.ts'
import type { AuditEvent, Format, HttpRequest, Ip, Millis, Result, RuleMatch } from '../types.ts'
import { inboundScore, loggedScore } from './scores.ts'

/** A value out of JSON.parse: nothing is known about it. */
export type Json = unknown

/** A value of which fields are read, whatever it is. No name that is read is one of Object.prototype's, and JSON.parse makes `__proto__` an own field. */
export type Fields = { readonly [name: string]: Json } | null | undefined

/** What a parser found; `toEvent` checks the rest. */
export type Found = {
  id: string
  at: Millis | undefined
  ip: string
  port: number | undefined
  request: HttpRequest | undefined
  status: number | undefined
  matches: readonly RuleMatch[]
  intercepted: boolean
  format: Format
}

/** Marks a request whose headers the log was not told to hold: their absence says nothing about the client. */
export const NO_HEADERS = { knownHeaders: 'none' } as const

/** Gives an object or array whose fields can be read; undefined for anything else. */
export function fields(value: Json): Fields {
  return typeof value === 'object' ? (value as Fields) : undefined
}

/** Gives a string, '' for anything that is none. */
export function text(value: Json): string {
  return typeof value === 'string' ? value : ''
}

/** Gives a whole number from 0 to 65535 (ports, status codes), also where it stands as a string. */
export function word16(value: Json): number | undefined {
  const number = typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 65535 ? number : undefined
}

/** Gives the elements of an array; none for anything else. */
export function list(value: Json): readonly Json[] {
  return Array.isArray(value) ? value : []
}

/** Parses JSON whose text has one character a byte, so that its strings have too; undefined when it is none. */
export function parseJson(entry: string): Fields {
  try {
    return hasWideCharacter(entry) ? JSON.parse(entry, narrow) : JSON.parse(entry)
  } catch {
    return undefined
  }
}

/** Turns what a parser found into an event, or says what is missing. */
export function toEvent(found: Found): Result<AuditEvent> {
  const ip: Ip | undefined = canonicalIp(found.ip)
  if (ip === undefined) return { ok: false, problem: 'client address is missing or no address' }
  if (found.at === undefined) return { ok: false, problem: 'time is missing or no time' }
  return {
    ok: true,
    value: {
      id: found.id,
      at: found.at,
      ip,
      port: found.port,
      request: found.request,
      status: found.status,
      matches: found.matches,
      inboundScore: inboundScore(found.matches),
      loggedScore: loggedScore(found.matches),
      intercepted: found.intercepted,
      format: found.format,
    },
  }
}

function hasWideCharacter(entry: string): boolean {
  return entry.includes('\\u') && /\\u(?!00)/.test(entry)
}

// Characters above U+00FF come only from \u escapes (Coraza writes U+FFFD for broken UTF-8): they become their UTF-8 bytes.
function narrow(_name: string, value: Json): Json {
  return typeof value === 'string' && /[^\0-\xff]/.test(value) ? Buffer.from(value, 'utf8').toString('latin1') : value
}
