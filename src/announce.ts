import { total } from './core/notification/message.ts'
import { type Fields, type Kind, kindOf, occurrenceOf } from './core/notification/notices.ts'
import type { Millis } from './core/types.ts'
import { bounded, type Log } from './edge/log.ts'
import type { Health } from './health.ts'
import type { Outbox } from './outbox.ts'

const MINUTE: Millis = 60_000

type Parts = {
  outbox: Outbox
  /** What somebody wants to be told of; nobody anything where it is undefined. */
  wanted: { kinds(): ReadonlySet<Kind>; refresh(): void } | undefined
  log: Log
  clock: () => Millis
}

export type Announcer = ReturnType<typeof createAnnouncer>

/** Makes what hands the journal's events on to the notifier, through the outbox; it never fails and never waits. */
export function createAnnouncer({ outbox, wanted, log, clock }: Parts) {
  /** The occurrence told last of each event. */
  const told = new Map<string, string>()
  let leftOut = 0
  let toldAt = Number.NEGATIVE_INFINITY

  function announce(event: string, fields: Fields = {}): void {
    const kind = kindOf(event)
    if (kind === undefined || !wanted?.kinds().has(kind)) return
    const occurrence = occurrenceOf(event, fields)
    if (occurrence !== undefined && told.get(`${event} ${fields.about}`) === occurrence) return
    if (occurrence !== undefined) told.set(`${event} ${fields.about}`, occurrence)
    outbox.put({ kind, event, fields: bounded(fields) })
  }

  function telling(level: keyof Log) {
    return (event: string, fields?: Fields): void => {
      log[level](event, fields)
      announce(event, fields)
    }
  }

  return {
    /** The journal, every line of which is announced too where somebody wants that. */
    log: { info: telling('info'), warn: telling('warn'), error: telling('error') } satisfies Log as Log,

    /** Asks the notifier whether an address is one of a crawler. */
    ask: (ip: string, domains: readonly string[]): void => outbox.put({ kind: 'question', ip, domains }),

    /** Tells how the outbox is, and looks what is wanted now; call it every second or so. */
    report(health: Pick<Health, 'failed' | 'recovered'>): void {
      wanted?.refresh()
      const problem = outbox.problem()
      if (problem === undefined) health.recovered('outbox')
      else health.failed('outbox', `${problem}; no notifications are sent`)
      leftOut += total(outbox.takeLeftOut() ?? {})
      if (leftOut === 0 || clock() - toldAt < MINUTE) return
      log.warn('notifications.dropped', { number: leftOut, remedy: 'look at systemctl status modwarden-notify' })
      leftOut = 0
      toldAt = clock()
    },
    close: outbox.close,
  }
}
