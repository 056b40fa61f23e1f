import type { HttpRequest } from './types.ts'

export { maskRequest } from './masking/request.ts'

const LIMIT = 256
/** Long runs without a natural word shape: tokens, hashes, JSON Web Tokens, percent-encoded keys. */
const TOKEN = /[A-Za-z0-9_\-.~%+=]{24,}/g

/** What the database may hold of a request: no header value but the host, no value of an argument, nothing of the body. Latin-1 in, printable text out. */
export type RequestOutline = { host: string; path: string; argumentNames: string }

/** Reduces a request to its outline; path segments that look like tokens are replaced by `…`. Each field has at most 256 characters. */
export function outlineRequest(request: HttpRequest): RequestOutline {
  const question = request.uri.indexOf('?')
  const path = question < 0 ? request.uri : request.uri.slice(0, question)
  const query = question < 0 ? '' : request.uri.slice(question + 1, question + 1 + 16_384)
  const host = request.headers.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? ''
  return {
    host: host.slice(0, LIMIT),
    path: maskTokens(withoutUserInfo(path).slice(0, 4096)).slice(0, LIMIT),
    argumentNames: argumentNames(query),
  }
}

/** Replaces what looks like a secret token in a piece of text by `…`. */
export function maskTokens(text: string): string {
  return text.replace(TOKEN, token => (looksRandom(token) ? '…' : token))
}

// An absolute-form request line may carry user:password@ before the host.
function withoutUserInfo(path: string): string {
  return path.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, '$1…@')
}

function argumentNames(query: string): string {
  if (query === '') return ''
  const names = new Set<string>()
  for (const pair of query.split('&', 100)) {
    const equals = pair.indexOf('=')
    // A pair without '=' may be a bare value (a token, a search text): it is no name.
    if (equals > 0) names.add(maskTokens(pair.slice(0, Math.min(equals, 64))))
  }
  return [...names].join(' ').slice(0, LIMIT)
}

function looksRandom(token: string): boolean {
  const digits = token.match(/\d/g)?.length ?? 0
  const words = token.match(/[a-z]{3,}/g)?.join('').length ?? 0
  return digits >= 3 || words < token.length / 2
}
