import * as v from 'valibot'
import type { HttpRequest, Result } from '../types.ts'

const Input = v.object({
  uri: v.string(),
  query_string: v.nullish(v.string()),
  method: v.nullish(v.string()),
  // The keys of a list are its places, which would be taken for names; Lua and PHP write an object without keys as [].
  headers: v.nullish(
    v.pipe(
      v.custom<object>(found => !Array.isArray(found) || found.length === 0),
      v.record(v.string(), v.unknown()),
    ),
  ),
  request_body: v.nullish(v.string()),
  host: v.nullish(v.string()),
})

/** Reads a request as `score` and `train` take it (the how-to's shape): `uri` may hold the query already, else `query_string` is joined to it.
 *  `host` says which site it was for, whatever the client wrote into its Host header. Text becomes one character a byte of its UTF-8 form, as in an audit log. */
export function toHttpRequest(input: unknown): Result<HttpRequest> {
  const parsed = v.safeParse(Input, input, { abortEarly: true })
  if (!parsed.success)
    return {
      ok: false,
      problem: `must be a request such as {"uri":"/","headers":{}}: ${v.getDotPath(parsed.issues[0]) ?? 'it'} is wrong or missing`,
    }
  const { uri, query_string, method, headers, request_body, host } = parsed.output
  const list = Object.entries(headers ?? {}).flatMap(([name, value]) =>
    headerValues(value).map(text => [latin1(name), latin1(text)] as const),
  )
  const hasHost = list.some(([name]) => name.toLowerCase() === 'host')
  return {
    ok: true,
    value: {
      method: latin1(method ?? 'GET'),
      uri: latin1(query_string && !uri.includes('?') ? `${uri}?${query_string}` : uri),
      protocol: 'HTTP/1.1',
      headers: host && !hasHost ? [['Host', latin1(host)], ...list] : list,
      ...(host && hasHost ? { site: latin1(host) } : {}),
      body: request_body ? latin1(request_body) : undefined,
    },
  }
}

function headerValues(value: unknown): string[] {
  // An object is no header's value, and turning one into text runs what its keys say: it counts as empty.
  return (Array.isArray(value) ? value : [value]).map(item => (typeof item === 'object' && item !== null ? '' : String(item)))
}

function latin1(text: string): string {
  // Almost all text is ASCII, where both forms are the same.
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1')
}
