import type { HttpRequest } from '../types.ts'

/** Where an attack is put into a clean request. */
export const GRAFT_PLACES = ['argument', 'new argument', 'form', 'path', 'cookie', 'referer', 'user agent', 'forwarded'] as const
export type GraftPlace = (typeof GRAFT_PLACES)[number]

/** Puts an attack's text (one character a byte) into a clean request, encoded as a client would; `random` picks which argument or cookie. */
export function graft(request: HttpRequest, text: string, place: GraftPlace, random: () => number): HttpRequest {
  const { uri } = request
  if (place === 'argument' && uri.includes('?')) return { ...request, uri: intoQuery(uri, text, random) }
  if (place === 'argument' || place === 'new argument')
    return { ...request, uri: `${uri}${uri.includes('?') ? '&' : '?'}${pick(NEW_NAMES, random)}=${encode(text)}` }
  if (place === 'form')
    return {
      ...withHeader(request, 'Content-Type', () => 'application/x-www-form-urlencoded'),
      method: 'POST',
      body: `${pick(NEW_NAMES, random)}=${encode(text)}`,
    }
  if (place === 'path') {
    const question = uri.indexOf('?')
    const [path, query] = question < 0 ? [uri, ''] : [uri.slice(0, question), uri.slice(question)]
    return { ...request, uri: `${path}${path.endsWith('/') ? '' : '/'}${encode(text).replaceAll('%2F', '/')}${query}` }
  }
  const plain = text.replace(/[\r\n\0]+/g, ' ')
  if (place === 'cookie') return withHeader(request, 'Cookie', value => intoCookies(value, plain.replaceAll(';', '%3B'), random))
  if (place === 'referer') return withHeader(request, 'Referer', value => `${value} ${plain}`.trim())
  if (place === 'user agent') return withHeader(request, 'User-Agent', value => `${value} ${plain}`.trim())
  return withHeader(request, 'X-Forwarded-For', () => plain)
}

const NEW_NAMES = ['q', 'id', 'search', 'file', 'page', 'name', 'cmd', 'url', 'data', 'x']

function pick<T>(list: readonly T[], random: () => number): T {
  return list[Math.floor(random() * list.length)]!
}

function intoQuery(uri: string, text: string, random: () => number): string {
  const question = uri.indexOf('?')
  const pairs = uri.slice(question + 1).split('&')
  const index = Math.floor(random() * pairs.length)
  const equals = pairs[index]!.indexOf('=')
  pairs[index] = `${equals < 0 ? pairs[index]! : pairs[index]!.slice(0, equals)}=${encode(text)}`
  return `${uri.slice(0, question)}?${pairs.join('&')}`
}

function intoCookies(header: string, text: string, random: () => number): string {
  if (header === '') return `${pick(NEW_NAMES, random)}=${text}`
  const cookies = header.split(/; */)
  if (random() < 0.5) return [...cookies, `${pick(NEW_NAMES, random)}=${text}`].join('; ')
  const index = Math.floor(random() * cookies.length)
  cookies[index] = `${cookies[index]!.split('=', 1)[0]}=${text}`
  return cookies.join('; ')
}

/** Changes a header's value, or adds it. */
function withHeader(request: HttpRequest, name: string, change: (value: string) => string): HttpRequest {
  const known = request.headers.find(([key]) => key.toLowerCase() === name.toLowerCase())
  const headers = request.headers.filter(header => header !== known)
  return { ...request, headers: [...headers, [known?.[0] ?? name, change(known?.[1] ?? '')]] }
}

function encode(text: string): string {
  return text.replace(/[^A-Za-z0-9_.~-]/g, character => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
