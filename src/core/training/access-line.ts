import { splitRequestLine } from '../entry/request-line.ts'
import { apacheTime } from '../entry/time.ts'
import { canonicalIp } from '../ip.ts'
import type { HttpRequest, Ip, Millis, Result } from '../types.ts'
import { present } from './item.ts'

/** A line of an access log; `ip` is absent where the server logged a name. */
export type AccessLine = { request: HttpRequest; status: number | undefined; at?: Millis; ip?: Ip }

/** What stands before the request: addresses, user and time. A user's name is as long as the client likes. */
const MOST_HEAD = 10_000
const TIME = /\[([^[\]"]{1,40})\] $/
const HOST = /^(?:[\w.-]{1,255}|\[[\d:a-fA-F.]{2,45}\])(?::(\d{1,5}))?$/
const METHOD = /^[A-Za-z][\w.-]{0,31}$/
const PROTOCOL = /^(?:HTTP\/\d(?:\.\d)?|)$/
const BEHIND = /^ (\d{3}|-) (?:\d{1,19}|-)(?: |$)/
const QUOTE = 34
const BACKSLASH = 92

/** Reads a line of the common or combined format, also with the host before it (Apache's vhost_combined) or more fields behind it; one character a
 *  byte. Headers are those that the format has: `knownHeaders` is `few`. What a client wrote stands escaped in quotes: the first bare quote begins
 *  the request, and before it only the user's name is the client's. A problem never quotes the line. */
export function readAccessLine(line: string): Result<AccessLine> {
  const open = bareQuote(line)
  if (open < 0 || open > MOST_HEAD) return problem('is no line of an access log: it has no request in quotes')
  const head = headOf(line.slice(0, open))
  if (head === undefined) return problem('is no line of an access log: no address, user and [time] before the request')
  const written = quoted(line, open)
  const behind = written === undefined ? null : BEHIND.exec(line.slice(written.end, written.end + 32))
  if (written === undefined || behind === null) return problem('is no line of an access log: no status and size behind the request')
  const { method, uri, protocol } = splitRequestLine(unescaped(written.text))
  if (!METHOD.test(method) || uri === '' || !PROTOCOL.test(protocol)) return problem('holds no readable request line')
  const at = apacheTime(head.time)
  if (at === undefined) return problem('has no time such as [10/Oct/2026:13:55:36 +0000]')
  const headers = headersOf(line, written.end + behind[0].length, head.host)
  const status = behind[1] === '-' ? undefined : Number(behind[1])
  const request: HttpRequest = { method, uri, protocol, headers, body: undefined, knownHeaders: 'few' }
  return { ok: true, value: { request, status, ...present<Pick<AccessLine, 'at' | 'ip'>>({ at, ip: head.ip }) } }
}

type Head = { host: string | undefined; ip: Ip | undefined; time: string }

/** Reads `[host] address ident user [time] `; the user's name may hold blanks. */
function headOf(head: string): Head | undefined {
  const time = TIME.exec(head.slice(-45))?.[1]
  if (time === undefined) return undefined
  const [first = '', second = '', ...rest] = head
    .slice(0, -(time.length + 3))
    .trimEnd()
    .split(' ', 4)
  if (rest.length === 0) return undefined
  const [own, next] = [canonicalIp(first), canonicalIp(second)]
  if (own === undefined && next !== undefined) return { host: hostOf(first), ip: next, time }
  return { host: undefined, ip: own, time }
}

/** Gives a host as a client names it: without the port that goes without saying. */
function hostOf(written: string): string | undefined {
  const found = HOST.exec(written)
  if (!found) return undefined
  const [, port] = found
  return port === '80' || port === '443' ? written.slice(0, -(port.length + 1)) : written
}

/** Reads the referer and the user agent, which stand in quotes behind the size (`from` is behind the blank before them). */
function headersOf(line: string, from: number, host: string | undefined): [string, string][] {
  const headers: [string, string][] = host === undefined ? [] : [['Host', host]]
  const referer = quoted(line, from)
  const agent = referer === undefined || line[referer.end] !== ' ' ? undefined : quoted(line, referer.end + 1)
  if (agent === undefined || referer === undefined) return headers
  if (agent.text !== '-' && agent.text !== '') headers.push(['User-Agent', unescaped(agent.text)])
  if (referer.text !== '-' && referer.text !== '') headers.push(['Referer', unescaped(referer.text)])
  return headers
}

/** Finds the first quote that no backslash escapes. Apache writes an empty user as "". */
function bareQuote(line: string): number {
  for (let at = line.indexOf('"'); at >= 0; at = line.indexOf('"', at + 1)) {
    if (line.startsWith('"" [', at) && at > 0) at += 1
    else if (!isEscaped(line, at)) return at
  }
  return -1
}

/** Gives what stands between the quote at `open` and its closing one, still escaped, and where the rest begins. */
function quoted(line: string, open: number): { text: string; end: number } | undefined {
  if (line.charCodeAt(open) !== QUOTE) return undefined
  for (let at = line.indexOf('"', open + 1); at >= 0; at = line.indexOf('"', at + 1)) {
    if (!isEscaped(line, at)) return { text: line.slice(open + 1, at), end: at + 1 }
  }
  return undefined
}

function isEscaped(line: string, at: number): boolean {
  let backslashes = 0
  while (line.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes += 1
  return backslashes % 2 === 1
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', v: '\v' }

function unescaped(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|([\s\S]))/g, (_, hex: string | undefined, plain: string) =>
    hex === undefined ? (ESCAPES[plain] ?? plain) : String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

function problem(text: string): { ok: false; problem: string } {
  return { ok: false, problem: text }
}
