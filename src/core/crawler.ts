import { canonicalIp, networkAt } from './ip.ts'
import type { Ip, Millis } from './types.ts'

/** A crawler's address that its name was found for, and whose name gives it again; good until `until`. */
export type Crawler = { ip: Ip; name: string; until: Millis }

/** For how long a verified crawler is allowed. */
export const CRAWLER_TIME: Millis = 7 * 86_400_000
/** No more of them are allowed at a time: whoever takes over the process that looks names up gets no further. */
export const MOST_CRAWLERS = 256
/** No longer list is read, in bytes. */
export const MOST_LIST_BYTES = 256 * 1024

const MARK = 'verified crawler '
const LINE = /^([0-9a-f.:]{2,45}) ([a-z0-9._-]{1,253}) (\d{1,12})$/

/** Gives the domain of a list under which a host name lies; it must be a plain name and more than the domain itself. */
export function domainOf(name: string, domains: readonly string[]): string | undefined {
  if (!/^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+$/.test(name) || name.length > 253) return undefined
  return domains.find(domain => name.endsWith(`.${domain}`))
}

/** Gives a name from the DNS in the one spelling that is compared. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

/** Writes the list of verified crawlers, `ADDRESS NAME UNTIL` a line, in seconds since 1970. */
export function crawlersText(crawlers: readonly Crawler[]): string {
  return crawlers.map(({ ip, name, until }) => `${ip} ${name} ${Math.floor(until / 1000)}\n`).join('')
}

/** Reads the list, and believes none of it further than this: canonical addresses, names under one of the domains, not out of date, at most
 *  MOST_CRAWLERS. `refused` counts the other lines. */
export function readCrawlers(text: string, domains: readonly string[], now: Millis): { crawlers: Crawler[]; refused: number } {
  const lines = text.split('\n').filter(line => line !== '')
  const read = lines.map(line => readLine(line, domains))
  const crawlers = read.flatMap(crawler => crawler ?? []).filter(({ until }) => until > now)
  return {
    crawlers: crawlers.slice(0, MOST_CRAWLERS),
    refused: read.filter(crawler => crawler === undefined).length + Math.max(0, crawlers.length - MOST_CRAWLERS),
  }
}

/** Gives what is allowed for the sake of a crawler's address: the address, of IPv6 the network that is counted as one, but none wider than a /64. */
export function crawlerNetwork(ip: Ip, ipv6Prefix: number): string {
  return ip.includes(':') ? networkAt(ip, Math.max(64, ipv6Prefix)) : ip
}

/** The reason that stands in the allowlist. */
export function crawlerReason(name: string): string {
  return MARK + name
}

export function isCrawlerReason(reason: string): boolean {
  return reason.startsWith(MARK)
}

function readLine(line: string, domains: readonly string[]): Crawler | undefined {
  const [, address = '', name = '', until] = LINE.exec(line) ?? []
  const isKnown = until !== undefined && canonicalIp(address) === address && domainOf(name, domains) !== undefined
  return isKnown ? { ip: address, name, until: Number(until) * 1000 } : undefined
}
