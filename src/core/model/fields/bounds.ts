import type { HttpRequest } from '../../types.ts'

/** More than this of one request is not looked at: it would take longer than an answer may. Nobody's server lets so much of an address or of headers through,
 *  and hardly one so much of a body that is no file. */
export const MOST = { line: 64 * 1024, headers: 1000, header: 64 * 1024, allHeaders: 128 * 1024, body: 512 * 1024, name: 256 } as const

/** Cuts a request to what is looked at: long texts lose their middle, headers beyond the limits become one, so that none goes unseen behind many. `leftOut`:
 *  bytes that were cut off. The same request comes back where nothing is too long. */
export function boundRequest(request: HttpRequest): { request: HttpRequest; leftOut: number } {
  const { method, uri, headers, body, site } = request
  let read = headers.length
  let bytes = 0
  let isLong = false
  for (let index = 0; index < headers.length; index++) {
    const [name, value] = headers[index]!
    bytes += name.length + value.length
    if (name.length > MOST.name || value.length > MOST.header) isLong = true
    if (index === MOST.headers || bytes > MOST.allHeaders) {
      read = index
      isLong = true
      break
    }
  }
  const isFine = !isLong && uri.length <= MOST.line && method.length <= MOST.name && (body?.length ?? 0) <= MOST.body
  if (isFine && (site?.length ?? 0) <= MOST.name) return { request, leftOut: 0 }
  let leftOut = 0
  const cut = (text: string, most: number) => {
    leftOut += Math.max(0, text.length - most)
    return withoutMiddle(text, most)
  }
  // The header that is one too many in bytes is still read as far as it may be.
  const kept = headers.slice(0, Math.min(headers.length, read + 1, MOST.headers))
  const rest = headers.slice(kept.length).map(([name, value]) => `${name}: ${value}`)
  if (rest.length > 0) kept.push(['#rest', rest.join('\n')])
  return {
    request: {
      ...request,
      method: cut(method, MOST.name),
      uri: cut(uri, MOST.line),
      headers: kept.map(([name, value]) => [cut(name, MOST.name), cut(value, MOST.header)] as const),
      body: body === undefined ? undefined : cut(body, MOST.body),
      ...(site === undefined ? {} : { site: cut(site, MOST.name) }),
    },
    leftOut,
  }
}

/** Keeps the beginning and the end of a text. */
export function withoutMiddle(text: string, most: number): string {
  return text.length <= most ? text : text.slice(0, most - (most >> 1)) + text.slice(text.length - (most >> 1))
}
