import { canonicalIp } from '../ip.ts'
import type { Result } from '../types.ts'
import { readFullRequest } from './full-request.ts'
import { encodeArguments, type Inquiry, type Named, withoutCollection } from './inquiry.ts'

const MOST_FIELDS = 1024
/** These may come again; any other must not: the second one might be a client's. */
const LISTS = new Set(['h', 'a', 'f'])
const SINGLE = new Set(['id', 'ip', 'm', 'u', 'p', 'cs', 'bl', 'b', 'full', 'trunc'])

/** Reads a message of our own plugin: netstrings `LENGTH:K=VALUE,`, where a length counts bytes and no value can end its own frame.
 *  Keys: id, ip, m(ethod), u(ri), p(rotocol), cs (score of the rules), bl (length of the body), b(ody), h(eader), a(rgument of the body), f(ile),
 *  full (headers and body as libmodsecurity has them), trunc(ated). The values of h, a and f are name, NUL, value. Only u must be there. */
export function parseNetstrings(text: string): Result<Inquiry> {
  const fields = readFields(text)
  if (!fields.ok) return fields
  const { single, lists } = fields.value
  const uri = single.get('u')
  if (uri === undefined || uri === '') return { ok: false, problem: 'lacks u, the address' }
  const full = single.has('full') ? readFullRequest(single.get('full')!) : undefined
  const listed = lists.get('h')!.map(([name, value]): Named => [withoutCollection(name), value])
  const headers = listed.length > 0 ? listed : (full?.headers ?? [])
  const body = single.get('b') ?? full?.body ?? bodyFromParts([...lists.get('a')!, ...lists.get('f')!])
  const crsScore = single.get('cs')
  return {
    ok: true,
    value: {
      request: {
        method: single.get('m') || 'GET',
        uri,
        protocol: single.get('p') || 'HTTP/1.1',
        headers,
        body,
        ...(headers.length === 0 ? { knownHeaders: 'none' as const } : {}),
      },
      ip: canonicalIp(single.get('ip') ?? ''),
      crsScore: crsScore !== undefined && /^-?\d{1,9}$/.test(crsScore) ? Number(crsScore) : undefined,
    },
  }
}

// ModSecurity 2 keeps multipart and JSON bodies in their parsed form only.
function bodyFromParts(parts: readonly Named[]): string | undefined {
  return parts.length === 0 ? undefined : encodeArguments(parts)
}

type Fields = { single: Map<string, string>; lists: Map<string, Named[]> }

function readFields(text: string): Result<Fields> {
  const single = new Map<string, string>()
  const lists = new Map([...LISTS].map(key => [key, [] as Named[]]))
  let count = 0
  for (let at = 0; at < text.length; ) {
    if (++count > MOST_FIELDS) return { ok: false, problem: `has more than ${MOST_FIELDS} fields` }
    const colon = text.indexOf(':', at)
    const length = colon > at && colon - at <= 6 ? text.slice(at, colon) : ''
    const end = colon + 1 + Number(length)
    if (!/^(?:0|[1-9]\d*)$/.test(length) || text[end] !== ',') return { ok: false, problem: `is no netstring at byte ${at}` }
    const equals = text.indexOf('=', colon)
    const key = equals < 0 || equals >= end ? '' : text.slice(colon + 1, equals)
    const value = text.slice(equals + 1, end)
    if (LISTS.has(key)) {
      const nul = value.indexOf('\0')
      if (nul < 0) return { ok: false, problem: `has a ${key} without a NUL at byte ${at}` }
      lists.get(key)!.push([value.slice(0, nul), value.slice(nul + 1)])
    } else if (!SINGLE.has(key) || single.has(key)) return { ok: false, problem: `has an unknown or repeated key at byte ${at}` }
    else single.set(key, value)
    at = end + 1
  }
  return { ok: true, value: { single, lists } }
}
