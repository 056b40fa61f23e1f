import type { AuditEvent, HttpRequest, Result, RuleMatch } from '../types.ts'
import { toEvent, word16 } from './fields.ts'
import { createIsClientText, readMessage, readNativeV3Line } from './message-text.ts'
import { type NativeParts, readParts } from './native-parts.ts'
import { splitRequestLine } from './request-line.ts'
import type { NativeFormat } from './shapes.ts'
import { apacheTime, goTime, type LocalOffset } from './time.ts'

const A_LINE = /^\[([^\]]{1,48})\] (\S{1,256}) (\S{1,64}) (\d{1,5}) (\S{1,64}) (\d{1,5})$/
const STATUS = /^HTTP\/[\d.]{1,8} (\d{3})(?: |$)/
const DENIED: Readonly<Record<NativeFormat, RegExp>> = {
  'v2-native': /^Action: Intercepted \(phase \d\)/,
  'v3-native': /^ModSecurity: Access denied with code \d/,
  'coraza-native': /^\[client "[^"]{1,64}"\] Coraza: Access denied /,
}
const V3_URI_LENGTH = 200

type ALine = { time: string; id: string; ip: string; port: string; host: string }

/** Parses a whole native entry of any engine. */
export function parseNative(text: string, format: NativeFormat, localOffset: LocalOffset): Result<AuditEvent> {
  const parts = readParts(text, format)
  if (parts === undefined) return { ok: false, problem: 'no native entry, or one with headings out of order' }
  const found = A_LINE.exec(firstLine(parts.get('A') ?? ''))
  if (!found) return { ok: false, problem: 'part A is no time, id and addresses' }
  const [, time = '', id = '', ip = '', port = '', host = ''] = found
  const request = requestOf(parts)
  const trailer = (parts.get('H') ?? '').split('\n').map(line => line.trimEnd())
  return toEvent({
    id,
    at: format === 'coraza-native' ? goTime(time, localOffset) : apacheTime(time),
    ip,
    port: word16(port),
    request,
    status: word16(STATUS.exec(firstLine(parts.get('F') ?? ''))?.[1]),
    matches: matchesOf(trailer, format, { time, id, ip, port, host }, request),
    intercepted: trailer.some(line => DENIED[format].test(line)),
    format,
  })
}

function requestOf(parts: NativeParts): HttpRequest | undefined {
  const written = parts.get('B')
  if (written === undefined) return undefined
  const [line = '', ...lines] = written.split('\n').map(each => (each.endsWith('\r') ? each.slice(0, -1) : each))
  const headers: [string, string][] = []
  for (const header of lines) {
    const colon = header.indexOf(':')
    if (colon > 0) headers.push([header.slice(0, colon), header.slice(colon + 1).replace(/^ /, '')])
  }
  // Part I is the body of a form with files, urlencoded and without the files; libmodsecurity 3 leaves it empty.
  const body = parts.get('C') ?? (parts.get('I')?.trim() ? parts.get('I') : undefined)
  return { ...splitRequestLine(line), headers, body: body?.replace(/\n{1,2}$/, '') }
}

function matchesOf(trailer: readonly string[], format: NativeFormat, a: ALine, request: HttpRequest | undefined): RuleMatch[] {
  if (format === 'v2-native') {
    const isClientText = createIsClientText(request, hasUnseenBody(request))
    return pick(trailer, 'Message: ', line => readMessage(line.slice('Message: '.length), isClientText))
  }
  if (format === 'coraza-native')
    return pick(trailer, '[client "', line => (/^\[client "[^"]*"\] Coraza: /.test(line) ? readMessage(line, () => false) : undefined))
  const tail = ` [hostname "${a.host}"] [uri "${decodedPath(request)}"] [unique_id "${a.id}"] [ref "`
  return pick(trailer, 'ModSecurity: ', line => (line.includes(` [unique_id "${a.id}"] [ref "`) ? readNativeV3Line(line, tail) : undefined))
}

function pick(trailer: readonly string[], start: string, read: (line: string) => RuleMatch | undefined): RuleMatch[] {
  return trailer.flatMap(line => (line.startsWith(start) ? (read(line) ?? []) : []))
}

/** Gives the path as libmodsecurity 3 prints it behind a match: without the query, decoded once, cut at 200 characters. */
function decodedPath(request: HttpRequest | undefined): string {
  const [path = ''] = (request?.uri ?? '').split('?', 1)
  const decoded = path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  const omitted = decoded.length - V3_URI_LENGTH
  return omitted > 0 ? `${decoded.slice(0, V3_URI_LENGTH)} (${omitted} characters omitted)` : decoded
}

/** Tells whether the client sent a body that the log lacks. */
export function hasUnseenBody(request: HttpRequest | undefined): boolean {
  if (request === undefined || request.body !== undefined) return false
  return request.headers.some(
    ([name, value]) => /^transfer-encoding$/i.test(name) || (/^content-length$/i.test(name) && value.trim() !== '0'),
  )
}

function firstLine(part: string): string {
  return part.split('\n', 1)[0]!.trimEnd()
}
