import * as v from 'valibot'
import type { Millis, Result } from '../types.ts'
import { type Fields, KINDS } from './notices.ts'

/** What the daemon puts into the outbox, one file each: an event to be told of, an address whose name is to be looked up, or how many messages were
 *  left out. `number` orders them (microseconds of the clock, but never the same twice). */
export type Message =
  | { kind: (typeof KINDS)[number]; id: string; at: Millis; event: string; fields: Fields }
  | { kind: 'question'; id: string; at: Millis; ip: string; domains: readonly string[] }
  | { kind: 'dropped'; id: string; at: Millis; since: Millis; why: DropReason; counts: Counts }

/** `full`: the outbox was; `late`: it could not be delivered within a day; `broken`: the outbox could not be written. */
export type DropReason = 'full' | 'late' | 'broken'
/** Messages by kind. */
export type Counts = Readonly<Record<string, number>>

/** No message is longer, in bytes. */
export const MOST_BYTES = 4096

const NAME = /^(\d{16})-([a-z]{1,16})-[0-9a-f]{8}\.json$/

const id = v.pipe(v.string(), v.regex(/^[0-9a-f-]{8,36}$/))
const instant = v.pipe(v.number(), v.minValue(0), v.maxValue(8.64e15))
const Schema = v.variant('kind', [
  v.object({ kind: v.picklist(KINDS), id, at: instant, event: v.string(), fields: v.record(v.string(), v.unknown()) }),
  v.object({ kind: v.literal('question'), id, at: instant, ip: v.string(), domains: v.array(v.string()) }),
  v.object({
    kind: v.literal('dropped'),
    id,
    at: instant,
    since: instant,
    why: v.picklist(['full', 'late', 'broken']),
    counts: v.record(v.pipe(v.string(), v.maxLength(16)), v.pipe(v.number(), v.integer(), v.minValue(0))),
  }),
])

/** Gives the name of the file of a message; names in their order are messages in theirs. */
export function messageName(number: number, { kind, id }: Pick<Message, 'kind' | 'id'>): string {
  return `${String(number).padStart(16, '0')}-${kind}-${id.replaceAll('-', '').slice(0, 8)}.json`
}

/** Takes the name of a message's file apart; undefined for a file that is none. */
export function readName(name: string): { number: number; kind: string; at: Millis } | undefined {
  const [, number, kind] = NAME.exec(name) ?? []
  return number === undefined || kind === undefined ? undefined : { number: Number(number), kind, at: Math.floor(Number(number) / 1000) }
}

/** Writes a message as text of at most MOST_BYTES: what is too long loses its longest fields and says so. */
export function writeMessage(message: Message): string {
  const text = JSON.stringify(message)
  if (Buffer.byteLength(text) <= MOST_BYTES || !('fields' in message)) return text
  const fields = Object.entries(message.fields).sort((a, b) => JSON.stringify(a[1] ?? null).length - JSON.stringify(b[1] ?? null).length)
  const kept = fields.filter(([, value]) => JSON.stringify(value ?? null).length <= 300).slice(0, 8)
  return JSON.stringify({ ...message, fields: { ...Object.fromEntries(kept), left_out: fields.length - kept.length } })
}

/** Reads the text of a message. */
export function readMessage(text: string): Result<Message> {
  try {
    const read = v.safeParse(Schema, JSON.parse(text))
    return read.success ? { ok: true, value: read.output } : { ok: false, problem: read.issues[0].message }
  } catch (error) {
    return { ok: false, problem: (error as Error).message }
  }
}

/** Adds two counts. */
export function addCounts(one: Counts, other: Counts): Counts {
  const sum: Record<string, number> = { ...one }
  for (const [kind, number] of Object.entries(other)) sum[kind] = (sum[kind] ?? 0) + number
  return sum
}

/** How many messages there are in all kinds. */
export function total(counts: Counts): number {
  return Object.values(counts).reduce((sum, number) => sum + number, 0)
}
