import { CRAWLER_TIME, type Crawler, MOST_CRAWLERS } from './core/crawler.ts'
import { canonicalIp } from './core/ip.ts'
import { readMessage, readName } from './core/notification/message.ts'
import type { Ip, Millis } from './core/types.ts'
import type { Log } from './edge/log.ts'
import type { OutboxFiles } from './edge/notification/outbox-files.ts'
import type { Verdict } from './edge/notification/verify-crawler.ts'
import type { Health } from './health.ts'

/** So many are looked up at a time: whoever owns an address may let its name server be slow. */
const MOST_AT_A_TIME = 16
/** When to ask a DNS that did not say again; after the last one the address stays blocked. */
const AGAIN: readonly Millis[] = [5_000, 30_000, 300_000]
/** When to go on where the answer could not be written. */
const LATER: Millis = 30_000

type Parts = {
  files: OutboxFiles
  verify: (ip: Ip, domains: readonly string[]) => Promise<Verdict>
  /** The list that the daemon reads. */
  list: { read(): Crawler[]; write(crawlers: readonly Crawler[]): void }
  log: Log
  health: Pick<Health, 'failed' | 'recovered'>
  clock: () => Millis
  /** Called when there may be more to do. */
  onAnswer: () => void
}

/** Makes what answers the daemon's questions about crawlers, some at a time. */
export function createQuestions({ files, verify, list, log, health, clock, onAnswer }: Parts) {
  const known = new Map(list.read().map(crawler => [crawler.ip, crawler]))
  const busy = new Set<string>()
  const tried = new Map<string, { times: number; nextAt: Millis }>()

  async function answer(name: string): Promise<void> {
    const question = await read(name)
    const verdict = question === undefined ? { isCrawler: false as const } : await verify(question.ip, question.domains)
    if (verdict === undefined && postpone(name)) return
    if (verdict?.isCrawler && question !== undefined) add(question.ip, verdict.name)
    tried.delete(name)
    await files.remove(name)
  }

  async function read(name: string): Promise<{ ip: Ip; domains: readonly string[] } | undefined> {
    try {
      const message = readMessage(await files.read(name))
      return message.ok && message.value.kind === 'question' && canonicalIp(message.value.ip) === message.value.ip
        ? message.value
        : undefined
    } catch {
      return undefined
    }
  }

  /** Says whether it is to be asked again. */
  function postpone(name: string): boolean {
    const times = (tried.get(name)?.times ?? 0) + 1
    const wait = AGAIN[times - 1]
    if (wait !== undefined) tried.set(name, { times, nextAt: clock() + wait })
    return wait !== undefined
  }

  function add(ip: Ip, name: string): void {
    const now = clock()
    known.delete(ip)
    known.set(ip, { ip, name, until: now + CRAWLER_TIME })
    for (const [other, { until }] of known) if (until <= now || known.size > MOST_CRAWLERS) known.delete(other)
    list.write([...known.values()])
    log.info('crawler.verified', { ip, name })
  }

  return {
    /** Starts what is to be looked up of the messages in the outbox, and gives when to be called again. */
    async turn(names: readonly string[]): Promise<Millis> {
      const now = clock()
      const questions = names.filter(name => readName(name)?.kind === 'question')
      const there = new Set(questions)
      for (const name of tried.keys()) if (!there.has(name)) tried.delete(name)
      const due = questions.filter(name => !busy.has(name) && (tried.get(name)?.nextAt ?? 0) <= now)
      for (const name of due.slice(0, MOST_AT_A_TIME - busy.size)) {
        busy.add(name)
        void answer(name)
          .then(() => health.recovered('crawlers'))
          .catch((error: unknown) => {
            tried.set(name, { times: 0, nextAt: clock() + LATER })
            health.failed('crawlers', (error as Error).message)
          })
          .finally(() => {
            busy.delete(name)
            onAnswer()
          })
      }
      return Math.min(Number.POSITIVE_INFINITY, ...[...tried.values()].map(({ nextAt }) => nextAt).filter(at => at > now))
    },
  }
}
