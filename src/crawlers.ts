import { CRAWLER_TIME, crawlerNetwork, crawlerReason, isCrawlerReason, MOST_CRAWLERS, readCrawlers } from './core/crawler.ts'
import { addressKey } from './core/ip.ts'
import type { Settings } from './core/settings.ts'
import type { BlockReason, Millis } from './core/types.ts'
import type { Log } from './edge/log.ts'
import type { CrawlersFile } from './edge/notification/crawlers-file.ts'
import type { Store } from './edge/store/store.ts'

const MINUTE: Millis = 60_000
/** What a person blocked stays blocked, whoever it is. */
const AUTOMATIC: readonly BlockReason[] = ['high-score', 'repeated', 'too-many']

type Blocked = { ip: string; eventId?: number }

type Parts = {
  store: Pick<Store, 'allow' | 'blocks' | 'events' | 'transaction'>
  settings: () => Settings
  file: CrawlersFile
  ask: (ip: string, domains: readonly string[]) => void
  log: Log
  clock: () => Millis
}

export type Crawlers = ReturnType<typeof createCrawlers>

/** Makes what spares verified crawlers (setting verified_crawlers): it asks modwarden-notify about who was blocked, and allows whom that has verified. Of
 *  its word no more is believed than that an address which the policy has blocked is to be allowed, and of so many only. */
export function createCrawlers({ store, settings, file, ask, log, clock }: Parts) {
  /** What is still to be taken in: the database may refuse it for now. */
  let fresh: string | undefined
  const warnedAt = new Map<string, Millis>()

  /** Whoever writes the list must not be able to flood the journal. */
  function warn(event: string, fields: Readonly<Record<string, unknown>>): void {
    if (clock() - (warnedAt.get(event) ?? Number.NEGATIVE_INFINITY) < MINUTE) return
    warnedAt.set(event, clock())
    log.warn(event, fields)
  }

  function allow(text: string): boolean {
    const now = clock()
    const { verifiedCrawlers, ipv6Prefix } = settings()
    const { crawlers, refused } = readCrawlers(text, verifiedCrawlers, now)
    if (refused > 0) warn('crawlers.refused', { lines: refused, remedy: 'look at systemctl status modwarden-notify' })
    return store.transaction(() => {
      const standing = store.allow.standing(now)
      const allowed = new Set(standing.map(row => row.network))
      let room = MOST_CRAWLERS - standing.filter(row => isCrawlerReason(row.reason)).length
      let added = 0
      for (const { ip, name } of crawlers) {
        const network = crawlerNetwork(ip, ipv6Prefix)
        const block = store.blocks.active(addressKey(ip, ipv6Prefix), now)
        if (block === undefined || !AUTOMATIC.includes(block.reason) || allowed.has(network)) continue
        if (room-- <= 0) {
          warn('crawlers.full', { most: MOST_CRAWLERS, remedy: "'modwarden allow --list' shows them, 'modwarden allow' takes more" })
          break
        }
        store.allow.add({ network, reason: crawlerReason(name), addedAt: now, expiresAt: now + CRAWLER_TIME })
        allowed.add(network)
        added++
      }
      return added > 0
    })
  }

  return {
    /** Asks about addresses that were just blocked. */
    blocked(blocks: readonly Blocked[]): void {
      const { verifiedCrawlers } = settings()
      if (verifiedCrawlers.length === 0) return
      for (const { ip, eventId } of blocks) {
        // Of IPv6 the block is that of a network: only an address has a name. The block of a subnet is that of others too.
        const event = eventId === undefined ? undefined : store.events.byId(eventId)
        if (event !== undefined && event.ip === ip) ask(event.address, verifiedCrawlers)
      }
    },

    /** Allows whom modwarden-notify has verified since the last look, and says whether there was anybody. */
    takeIn(): boolean {
      const { verifiedCrawlers, notifyDir } = settings()
      if (verifiedCrawlers.length === 0) return false
      fresh = file.readNew(notifyDir) ?? fresh
      if (fresh === undefined) return false
      const isAnybody = allow(fresh)
      fresh = undefined
      return isAnybody
    },
  }
}
