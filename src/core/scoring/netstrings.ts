import { canonicalIp } from '../ip.ts'
import type { Result } from '../types.ts'
import { readFullRequest } from './full-request.ts'
import { encodeArguments, type Inquiry, type Named, withoutCollection } from './inquiry.ts'

const MOST_FIELDS = 1024
const [ZERO, NINE, COLON, COMMA] = [0x30, 0x39, 0x3a, 0x2c]
/** These may come again; any other must not: the second one might be a client's. */
const LISTS = ['h', 'a', 'f']
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

/** Where the colon behind a length stands; -1 where there is no length of at most six digits without a leading zero. */
function endOfLength(text: string, at: number): number {
  let colon = at
  for (let code = text.charCodeAt(colon); code >= ZERO && code <= NINE && colon - at < 6; code = text.charCodeAt(++colon));
  const isLength = colon > at && text.charCodeAt(colon) === COLON && (colon === at + 1 || text.charCodeAt(at) !== ZERO)
  return isLength ? colon : -1
}

type Fields = { single: Map<string, string>; lists: Map<string, Named[]> }

function readFields(text: string): Result<Fields> {
  const single = new Map<string, string>()
  const lists = new Map(LISTS.map(key => [key, [] as Named[]]))
  let count = 0
  for (let at = 0; at < text.length; ) {
    if (++count > MOST_FIELDS) return { ok: false, problem: `has more than ${MOST_FIELDS} fields` }
    const colon = endOfLength(text, at)
    const end = colon < 0 ? 0 : colon + 1 + Number(text.slice(at, colon))
    if (colon < 0 || text.charCodeAt(end) !== COMMA) return { ok: false, problem: `is no netstring at byte ${at}` }
    const equals = text.indexOf('=', colon)
    const key = equals < 0 || equals >= end ? '' : text.slice(colon + 1, equals)
    const list = lists.get(key)
    if (list !== undefined) {
      const nul = text.indexOf('\0', equals)
      if (nul < 0 || nul >= end) return { ok: false, problem: `has a ${key} without a NUL at byte ${at}` }
      list.push([text.slice(equals + 1, nul), text.slice(nul + 1, end)])
    } else if (!SINGLE.has(key) || single.has(key)) return { ok: false, problem: `has an unknown or repeated key at byte ${at}` }
    else single.set(key, text.slice(equals + 1, end))
    at = end + 1
  }
  return { ok: true, value: { single, lists } }
}
