import type { AuditEvent } from '../../src/core/types.ts'
import { type Sent, send } from './common.ts'

/** What a client asked for and got, as far as an event must say the same. */
export type Seen = {
  ip: string
  method: string
  uri: string
  agent: string
  body: string | undefined
  status: number
  intercepted: boolean
  hasMatches: boolean
}

type Kind = Omit<Sent, 'ip'> & { isAttack?: true }

/** The addresses are canonical: an event has to name them just so. */
const CLIENTS = ['192.0.2.7', '198.51.100.23', '203.0.113.200', '2001:db8::7', '2001:db8:1:2:3:4:5:6', '2001:db8:0:0:1::']
const AGENT = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }
const JSON_TYPE = { 'Content-Type': 'application/json' }

const KINDS: readonly Kind[] = [
  { path: '/' },
  { path: '/catalog?page=2&sort=price' },
  { path: '/caf%C3%A9/menu' },
  { path: '/missing/page' },
  { path: '/catalog', method: 'HEAD' },
  { path: '/order', method: 'POST', headers: FORM, body: 'item=42&city=K%C3%B6ln&note=call+me' },
  { path: '/order', method: 'POST', headers: JSON_TYPE, body: '{"item":42,"note":"blue, size 38","city":"Köln"}' },
  { path: '/comment', method: 'POST', headers: FORM, body: `text=${'a+long+word+and+another+'.repeat(400)}end` },
  { isAttack: true, path: "/item?id=1'%20OR%20'1'='1" },
  { isAttack: true, path: '/item?id=1%20UNION%20SELECT%20name,password%20FROM%20users--' },
  { isAttack: true, path: '/search?q=%3Cscript%3Ealert(document.cookie)%3C/script%3E' },
  { isAttack: true, path: '/show?file=../../../../../../etc/passwd' },
  { isAttack: true, path: '/.git/config' },
  { isAttack: true, path: '/', headers: { 'User-Agent': 'sqlmap/1.8 (https://sqlmap.org)' } },
  { isAttack: true, path: '/ping', method: 'POST', headers: FORM, body: 'host=127.0.0.1;cat+/etc/passwd' },
  { isAttack: true, path: '/login', method: 'POST', headers: JSON_TYPE, body: '{"user":"admin\' OR 1=1--","password":"x"}' },
  { isAttack: true, path: '/upload.txt', method: 'PUT', headers: { 'Content-Type': 'text/plain' }, body: 'hello' },
]

/** Clients of a server on loopback. Each request has a number of its own in its URI, by which an event can be found. */
export function createClients(port: number) {
  const seen: Seen[] = []
  let number = 0

  async function sendNext(): Promise<void> {
    const own = number++
    const { isAttack = false, ...kind } = KINDS[own % KINDS.length]!
    const uri = `${kind.path}${kind.path.includes('?') ? '&' : '?'}n=${mark(own)}`
    const ip = CLIENTS[own % CLIENTS.length]!
    // A connection each, so that all workers of the server take part; one that a reload closes is not used again.
    const headers = { 'User-Agent': AGENT, Accept: '*/*', Connection: 'close', ...kind.headers }
    const status = await send(port, { ...kind, ip, path: uri, headers })
    const body = kind.body === undefined ? undefined : Buffer.from(kind.body).toString('latin1')
    const method = kind.method ?? 'GET'
    seen.push({ ip, method, uri, agent: headers['User-Agent'], body, status, intercepted: isAttack, hasMatches: isAttack })
  }

  return {
    /** Sends `count` requests of all kinds, six at a time. */
    async send(count: number): Promise<void> {
      let left = count
      const client = async () => {
        while (left-- > 0) await sendNext()
      }
      await Promise.all(Array.from({ length: 6 }, client))
    },
    /** What was answered so far. */
    seen: (): Seen[] => sorted(seen),
    /** The marks of all requests that were sent so far. */
    marks: (): string[] => Array.from({ length: number }, (_, own) => mark(own)),
  }
}

/** What events say about requests of clients; what the test's own start of the server caused is left out. */
export function toSeen(events: readonly AuditEvent[]): Seen[] {
  const found = events.filter(event => event.request?.uri.includes('n=r'))
  return sorted(
    found.map(({ ip, request, status, intercepted, matches }) => ({
      ip,
      method: request!.method,
      uri: request!.uri,
      agent: request!.headers.find(([name]) => name.toLowerCase() === 'user-agent')?.[1] ?? '',
      body: request!.body || undefined,
      status: status ?? 0,
      intercepted,
      hasMatches: matches.length > 0,
    })),
  )
}

function mark(own: number): string {
  return `r${String(own).padStart(4, '0')}`
}

function sorted(seen: readonly Seen[]): Seen[] {
  return seen.toSorted((a, b) => (a.uri.slice(-5) < b.uri.slice(-5) ? -1 : 1))
}
