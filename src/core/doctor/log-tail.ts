import { createFindClient } from '../client.ts'
import { createNetworkSet } from '../ip.ts'
import type { AuditEvent, Format, Ip, Millis, Result } from '../types.ts'

/** What the newest entries of a log are like: numbers and addresses, nothing else of what clients sent. */
export type TailSummary = {
  /** How many bytes of the end of the log were looked at. */
  bytes: number
  events: number
  unreadable: number
  /** What was wrong with the last one that could not be read. */
  problem: string | undefined
  /** Bytes in which the engine says that it cannot write JSON. */
  saysNoJson: boolean
  formats: readonly { format: Format; events: number }[]
  /** How many events have the request line, headers, a body (of those that carry one), a matched rule. */
  withRequest: number
  withHeaders: number
  withBody: number
  mayHaveBody: number
  withMatches: number
  /** The newest time among the last events, for one of them may have taken long, and the format of the last one. */
  last: { at: Millis; format: Format } | undefined
  /** The address with the most events, and what the headers of proxies say of them. */
  busiest: { ip: Ip; events: number; addresses: number; headers: readonly ForwardedBy[] } | undefined
  /** Events from trusted proxies, and those of them whose client is not found. */
  proxied: { events: number; unknown: number }
}

/** How many events of an address name another one in a header, and how many others. */
export type ForwardedBy = { header: string; events: number; clients: number }

/** By which proxies name the client; the first that is there is the likeliest. */
const HEADERS = ['X-Forwarded-For', 'Forwarded', 'CF-Connecting-IP', 'True-Client-IP', 'X-Real-IP']

/** So many events are taken for the last ones. */
const LAST = 20

type Read = {
  bytes: number
  saysNoJson: boolean
  entries: readonly Result<AuditEvent>[]
  proxies: { trusted: readonly string[]; header: string }
}

/** Sums up the newest entries of a log, oldest first. */
export function summarizeTail({ bytes, saysNoJson, entries, proxies }: Read): TailSummary {
  const events = entries.flatMap(entry => (entry.ok ? [entry.value] : []))
  const problems = entries.flatMap(entry => (entry.ok ? [] : [entry.problem]))
  const last = events.at(-1)
  const requests = events.flatMap(event => event.request ?? [])
  const writers = requests.filter(({ method }) => ['POST', 'PUT', 'PATCH'].includes(method))
  return {
    bytes,
    events: events.length,
    unreadable: problems.length,
    problem: problems.at(-1),
    saysNoJson,
    formats: countFormats(events),
    withRequest: requests.length,
    withHeaders: requests.filter(({ headers }) => headers.length > 0).length,
    withBody: writers.filter(({ body }) => body !== undefined && body !== '').length,
    mayHaveBody: writers.length,
    withMatches: events.filter(({ matches }) => matches.length > 0).length,
    last: last === undefined ? undefined : { at: Math.max(...events.slice(-LAST).map(({ at }) => at)), format: last.format },
    busiest: busiestOf(events),
    proxied: countProxied(events, proxies),
  }
}

function countFormats(events: readonly AuditEvent[]): { format: Format; events: number }[] {
  const counts = Map.groupBy(events, ({ format }) => format)
  return [...counts].map(([format, list]) => ({ format, events: list.length })).sort((a, b) => b.events - a.events)
}

function busiestOf(events: readonly AuditEvent[]): TailSummary['busiest'] {
  const byIp = Map.groupBy(events, ({ ip }) => ip)
  const [ip, own] = [...byIp].sort(([, a], [, b]) => b.length - a.length)[0] ?? []
  if (ip === undefined || own === undefined) return undefined
  const headers = HEADERS.map(header => {
    const find = createFindClient([ip], header)
    const clients = own.map(event => find(ip, event.request?.headers ?? [])).filter(({ isProxied }) => isProxied)
    return { header, events: clients.length, clients: new Set(clients.map(client => client.ip)).size }
  })
  return { ip, events: own.length, addresses: byIp.size, headers: headers.filter(({ events }) => events > 0) }
}

function countProxied(events: readonly AuditEvent[], { trusted, header }: Read['proxies']): TailSummary['proxied'] {
  if (trusted.length === 0) return { events: 0, unknown: 0 }
  const isProxy = createNetworkSet(trusted)
  const find = createFindClient(trusted, header)
  const own = events.filter(({ ip }) => isProxy(ip))
  return { events: own.length, unknown: own.filter(({ ip, request }) => !find(ip, request?.headers ?? []).isProxied).length }
}
