import type { Millis } from '../types.ts'
import { addCounts, type Counts, type Message, total } from './message.ts'
import { type Fields, noticeText, time } from './notices.ts'

/** What a channel delivers: JSON for programs, `text` for people. `number`: of how many occurrences it tells. */
export type Payload = {
  id: string
  kind: string
  event: string
  at: string
  host: string
  number: number
  text: string
  fields: Fields
}

type Notice = Exclude<Message, { kind: 'question' }>

/** The longest text of a digest's examples. */
const MOST_EXAMPLES = 5

const WORDS: Readonly<Record<string, { many: string; look: string }>> = {
  block: { many: 'blocks', look: 'modwarden blocks' },
  repair: { many: 'repairs of the firewall', look: 'journalctl -u modwarden -p warning' },
  degraded: { many: 'failures and recoveries', look: 'modwarden status' },
  brake: { many: 'changes of the brake', look: 'modwarden status' },
  model: { many: 'judgements of the model', look: 'modwarden report' },
  question: { many: 'crawlers not looked up', look: 'modwarden blocks' },
}

const WHY = {
  full: 'the outbox was full (is modwarden-notify running?)',
  late: 'they could not be delivered within a day',
  broken: 'the outbox could not be written',
}

/** Says one or more messages of the same kind as one payload; `id` is the digest's own, of several. */
export function toPayload(messages: readonly [Notice, ...Notice[]], { id, host }: { id: string; host: string }): Payload {
  const [first] = messages
  if (first.kind === 'dropped') return droppedPayload(messages as readonly (Notice & { kind: 'dropped' })[], { id, host })
  const newest = messages.at(-1)!
  const at = new Date(newest.at).toISOString()
  if (messages.length === 1) {
    const { event, fields } = first
    return {
      id: first.id,
      kind: first.kind,
      event,
      at,
      host,
      number: numberOf(first),
      text: sentence(noticeText(event, fields), at, host),
      fields,
    }
  }
  const number = messages.reduce((sum, message) => sum + numberOf(message), 0)
  const { many, look } = WORDS[first.kind]!
  const since = new Date(first.at).toISOString()
  const examples = messages
    .slice(-MOST_EXAMPLES)
    .flatMap(message => ('event' in message ? { event: message.event, ...message.fields } : []))
  const text = `${number} ${many} since ${time(since)}, summed up because there are so many${addresses(examples)}. To do: look at '${look}'`
  return { id, kind: first.kind, event: 'digest', at, host, number, text: sentence(text, at, host), fields: { since, latest: examples } }
}

/** Says in a payload that the way works. */
export function testPayload({ id, host, at }: { id: string; host: string; at: Millis }): Payload {
  const iso = new Date(at).toISOString()
  const text = sentence('this is a test; notifications arrive here', iso, host)
  return { id, kind: 'test', event: 'test', at: iso, host, number: 1, text, fields: {} }
}

function droppedPayload(messages: readonly (Notice & { kind: 'dropped' })[], { id, host }: { id: string; host: string }): Payload {
  const newest = messages.at(-1)!
  const counts = messages.map(message => message.counts).reduce<Counts>(addCounts, {})
  const at = new Date(newest.at).toISOString()
  const since = new Date(Math.min(...messages.map(message => message.since))).toISOString()
  const reasons = [...new Set(messages.map(message => WHY[message.why]))].join('; ')
  const what = Object.entries(counts).map(([kind, number]) => `${WORDS[kind]?.many ?? kind} (${number})`)
  const text = `${total(counts)} messages since ${time(since)} were left out: ${reasons}. That is: ${what.join(', ')}. The journal has them: 'journalctl -u modwarden'`
  return {
    id: messages.length === 1 ? newest.id : id,
    kind: 'dropped',
    event: 'notifications.dropped',
    at,
    host,
    number: total(counts),
    text: sentence(text, at, host),
    fields: { since, counts },
  }
}

/** Of a line that sums up itself, how many it stands for. */
function numberOf(message: Notice): number {
  const number = 'event' in message && message.event === 'addresses.blocked' ? message.fields.number : 1
  return typeof number === 'number' && Number.isSafeInteger(number) && number > 0 ? number : 1
}

function addresses(examples: readonly Fields[]): string {
  const ips = [...new Set(examples.flatMap(({ ip }) => (typeof ip === 'string' && /^[0-9a-f:./]{2,50}$/.test(ip) ? ip : [])))]
  return ips.length === 0 ? '' : `; the latest: ${ips.join(', ')}`
}

function sentence(text: string, iso: string, host: string): string {
  return `modwarden on ${host.replace(/[^A-Za-z0-9.-]/g, '')}, ${time(iso)}: ${text}`
}
