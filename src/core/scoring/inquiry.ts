import type { HttpRequest, Ip } from '../types.ts'

/** What the WAF asks about: a request, and what else it said. Strings have one character a byte (latin-1). */
export type Inquiry = {
  request: HttpRequest
  /** Who sent it, as the WAF sees it. */
  ip: Ip | undefined
  /** What the rules had summed up when the WAF asked; undefined when it does not say. */
  crsScore: number | undefined
}

/** Part of the request that comes by name: an argument, a file. */
export type Named = readonly [name: string, value: string]

/** Writes decoded arguments as a browser would, in a query or a form. */
export function encodeArguments(list: readonly Named[]): string {
  return list.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&')
}

/** Names of headers that come under the names of a ModSecurity collection, `REQUEST_HEADERS:Host`. */
export function withoutCollection(name: string): string {
  return name.startsWith('REQUEST_HEADERS:') ? name.slice(16) : name
}

// Punctuation that browsers and attack tools leave as it is stays; the rest would change the meaning.
function encode(text: string): string {
  return text.replace(/[^A-Za-z0-9\-._~/:@!$'()*,;?[\]{}|^`\\<>"]/g, character =>
    character === ' ' ? '+' : `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}
