import type { HttpRequest } from '../types.ts'
import { maskBody, maskPairs } from './body.ts'
import { isSecretName, maskTokensToShape, maskValue } from './secrets.ts'
import { shapeOf } from './shape.ts'

/** Headers that name a person or a machine. */
const ADDRESS_HEADER = /^(?:x-forwarded-for|x-real-ip|forwarded|true-client-ip|cf-connecting-ip|x-client-ip|client-ip|via|from)$/i
const ADDRESSES = /^(?:referer|referrer|origin|x-original-url|x-rewrite-url|location|destination)$/i
const SCHEME = /^(?:basic|bearer|digest|negotiate|ntlm|token|apikey|aws4-hmac-sha256)\s/i

/** Reduces to their shape the secrets of a request (cookies' values, authorization, password-like arguments in the address, form, multipart and JSON,
 *  tokens and card numbers anywhere), length kept, so that it is measured as before. Whatever stores values of requests calls this first.
 *  Linear in the length of the request; masking what is masked changes nothing. */
export function maskRequest(request: HttpRequest): HttpRequest {
  const { uri, headers, body } = request
  const contentType = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? ''
  return {
    ...request,
    uri: maskAddress(uri),
    headers: headers.map(([name, value]) => [name, maskHeader(name, value)] as const),
    body: body === undefined ? undefined : maskBody(body, contentType),
  }
}

/** Reduces to their shape the secrets of a header's value. */
export function maskHeader(name: string, value: string): string {
  if (/^cookie2?$/i.test(name)) return value.split(';').map(maskCookie).join(';')
  if (/^(?:proxy-)?authorization$/i.test(name)) return maskAuthorization(value)
  // The boundary of a multipart body is no secret, and body and header must go on fitting.
  if (/^content-type$/i.test(name)) return value
  if (ADDRESS_HEADER.test(name) || isSecretName(name)) return shapeOf(value)
  return ADDRESSES.test(name) ? maskAddress(value) : maskValue(value, false)
}

function maskCookie(cookie: string): string {
  const equals = cookie.indexOf('=')
  return equals < 0 ? shapeOf(cookie) : `${maskTokensToShape(cookie.slice(0, equals))}=${shapeOf(cookie.slice(equals + 1))}`
}

function maskAuthorization(value: string): string {
  const scheme = SCHEME.exec(value)?.[0] ?? ''
  return scheme + shapeOf(value.slice(scheme.length))
}

/** Masks an address: tokens and `;jsessionid=` in the path, the user before a host, the arguments of query and fragment. */
function maskAddress(address: string): string {
  const cut = address.search(/[?#]/)
  const path = cut < 0 ? address : address.slice(0, cut)
  const rest = cut < 0 ? '' : address.slice(cut)
  return maskPath(path) + rest.slice(0, 1) + maskPairs(rest.slice(1), '&')
}

/** Reduces to their shape the secrets of a path: tokens, segment by segment, a session behind a semicolon, the user before a host. */
export function maskPath(path: string): string {
  const masked = path
    .replace(/;([^/;=]*)=([^/;]*)/g, (_, name: string, value: string) => `;${name}=${maskValue(value, isSecretName(name))}`)
    .replace(/(:\/\/)([^/@]+)(?=@)/, (_, slashes: string, user: string) => slashes + shapeOf(user))
  // Segment by segment, so that one token does not take the words of its path along.
  return masked.split('/').map(maskTokensToShape).join('/')
}
