import type { Resolver } from 'node:dns/promises'
import { domainOf, plainName } from '../../core/crawler.ts'
import { canonicalIp, reverseName } from '../../core/ip.ts'
import type { Ip } from '../../core/types.ts'

/** Whether an address is one of a crawler; undefined when the DNS did not say. */
export type Verdict = { isCrawler: true; name: string } | { isCrawler: false } | undefined

/** More names of one address are not looked at. */
const MOST_NAMES = 4

const MISSING: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA'])

/** Looks up the names of an address (reverse DNS, which whoever owns the address writes as he likes) and then the addresses of those names that lie under
 *  one of the domains (which only the owner of the domain can write). Only a name that gives the address again counts. */
export async function verifyCrawler(
  ip: Ip,
  domains: readonly string[],
  resolver: Pick<Resolver, 'resolvePtr' | 'resolve4' | 'resolve6'>,
): Promise<Verdict> {
  // Not `reverse`: that takes a server that does not answer for one that knows no name.
  const found = await lookUp(() => resolver.resolvePtr(reverseName(ip)))
  if (found === undefined) return undefined
  let isUnsure = false
  for (const name of found
    .map(plainName)
    .filter(name => domainOf(name, domains) !== undefined)
    .slice(0, MOST_NAMES)) {
    const addresses = await lookUp(() => (ip.includes(':') ? resolver.resolve6(name) : resolver.resolve4(name)))
    if (addresses === undefined) isUnsure = true
    else if (addresses.some(address => canonicalIp(address) === ip)) return { isCrawler: true, name }
  }
  return isUnsure ? undefined : { isCrawler: false }
}

/** Gives nothing where the DNS says that there is nothing, and undefined where it does not answer. */
async function lookUp(ask: () => Promise<string[]>): Promise<string[] | undefined> {
  try {
    return await ask()
  } catch (error) {
    return MISSING.has((error as NodeJS.ErrnoException).code ?? '') ? [] : undefined
  }
}
