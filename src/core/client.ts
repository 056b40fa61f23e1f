import { canonicalIp, createNetworkSet } from './ip.ts'
import type { Ip } from './types.ts'

/** Who made a request: its `ip`, and whether it came through a trusted proxy, so that no packet carries its address. */
export type Client = { ip: Ip; isProxied: boolean }

export type FindClient = (peer: Ip, headers: readonly (readonly [name: string, value: string])[]) => Client

/** More hops than this are no chain of proxies. */
const MOST_HOPS = 64
/** No proxy writes a longer element. */
const MOST_ELEMENT = 1024

/** Makes the function that finds the client behind trusted proxies: the right-most address of the header that is no trusted proxy. Everything left
 *  of it is what the client may have written. An entry that is no address ends the search: behind it nothing can be believed. Where no client
 *  is found the peer stands for it, which is a proxy then and as such never blocked. */
export function createFindClient(trustedProxies: readonly string[], header: string): FindClient {
  const name = header.toLowerCase()
  if (trustedProxies.length === 0 || name === '') return peer => ({ ip: peer, isProxied: false })
  const isProxy = createNetworkSet(trustedProxies)
  const entriesOf = name === 'forwarded' ? forwardedEntries : listEntries
  const readEntry = name === 'forwarded' ? forwardedAddress : addressWithPort
  return (peer, headers) => {
    if (!isProxy(peer)) return { ip: peer, isProxied: false }
    let hops = 0
    for (const value of headers.filter(([other]) => other.toLowerCase() === name).reverse()) {
      for (const entry of entriesOf(value[1])) {
        const ip = readEntry(entry.trim())
        if (ip === undefined || ++hops > MOST_HOPS) return { ip: peer, isProxied: false }
        if (!isProxy(ip)) return { ip, isProxied: true }
      }
    }
    return { ip: peer, isProxied: false }
  }
}

/** Gives the entries between commas, the last one first. */
function* listEntries(value: string): Generator<string> {
  for (let end = value.length; end >= 0; ) {
    const comma = end === 0 ? -1 : value.lastIndexOf(',', end - 1)
    yield value.slice(comma + 1, end)
    end = comma
  }
}

/** Gives the elements of a `Forwarded` header (RFC 7239), the last one first. Read from the right, where the proxies write: read from the left, one
 *  quote of the client's would swallow what they appended. */
function* forwardedEntries(value: string): Generator<string> {
  let end = value.length
  let isQuoted = false
  for (let at = value.length - 1; at >= 0; at--) {
    if (value[at] === '"' && !isEscaped(value, at)) isQuoted = !isQuoted
    if (value[at] !== ',' || isQuoted) continue
    yield value.slice(at + 1, end)
    end = at
  }
  yield value.slice(0, end)
}

function isEscaped(value: string, at: number): boolean {
  let backslashes = 0
  while (value[at - 1 - backslashes] === '\\') backslashes++
  return backslashes % 2 === 1
}

/** Reads the `for` of an element; undefined when it has none, several, or an obfuscated one (`_hidden`, `unknown`). */
function forwardedAddress(element: string): Ip | undefined {
  if (element.length > MOST_ELEMENT) return undefined
  const parameters = element.match(/(?:[^;"]|"(?:[^"\\]|\\.)*")+/g) ?? []
  const values = parameters.flatMap(parameter => /^\s*for=(?:"([^"\\]*)"|([^"\\]*))\s*$/i.exec(parameter)?.slice(1) ?? [])
  const found = values.filter(value => value !== undefined)
  return found.length === 1 ? addressWithPort(found[0]!.trim()) : undefined
}

/** Reads an address as proxies write it: bare, in brackets, with a port. */
function addressWithPort(text: string): Ip | undefined {
  if (text.length > 64) return undefined
  const bracketed = /^\[([0-9a-fA-F:.]+)\](?::\d{1,5})?$/.exec(text)
  if (bracketed) return bracketed[1]!.includes(':') ? canonicalIp(bracketed[1]!) : undefined
  return canonicalIp(/^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/.exec(text)?.[1] ?? text)
}
