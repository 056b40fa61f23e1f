import { maskRequest } from '../mask.ts'
import type { HttpRequest, Millis } from '../types.ts'

/** Writes a request as `score` and `train` read it, masked, on one line; undefined when it is no UTF-8 (it could not be read back as it was). */
export function cleanLine(request: HttpRequest, at: Millis): string | undefined {
  const { method, uri, headers, body } = maskRequest(request)
  // Without a prototype: a header may be called __proto__.
  const fields: Record<string, string | string[]> = Object.create(null)
  for (const [name, value] of headers) {
    const before = fields[name]
    fields[name] = before === undefined ? value : [...[before].flat(), value]
  }
  const line = JSON.stringify({ uri, method, headers: fields, request_body: body, at: new Date(at).toISOString() })
  if (/^[\x00-\x7f]*$/.test(line)) return line
  const text = Buffer.from(line, 'latin1').toString('utf8')
  return text.includes('\ufffd') ? undefined : text
}

/** Gives the host of a request, lower case and without its port, at most 100 characters; empty where it names none. */
export function hostOf(request: HttpRequest): string {
  const value = request.headers.find(([name]) => name.length === 4 && name.toLowerCase() === 'host')?.[1] ?? ''
  return value.slice(0, 100).toLowerCase().replace(/:\d+$/, '')
}
