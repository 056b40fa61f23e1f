import { isLate } from './core/notification/due.ts'
import { readName, total } from './core/notification/message.ts'
import type { NotifySettings } from './core/settings-notify.ts'
import type { Millis } from './core/types.ts'
import type { Delivery } from './deliver.ts'
import type { Log } from './edge/log.ts'
import type { OutboxFiles } from './edge/notification/outbox-files.ts'
import type { Wake } from './edge/notification/wake.ts'
import type { Notify } from './edge/notify.ts'
import type { Health } from './health.ts'
import { sumUp } from './sum-up.ts'

const RETRY: Millis = 5000

export type NotifierParts = {
  settings: Pick<NotifySettings, 'on'>
  files: OutboxFiles
  /** Watches the outbox. */
  wake: Wake
  deliveries: readonly Delivery[]
  questions: { turn(names: readonly string[]): Promise<Millis> }
  log: Log
  health: Health
  notify: Notify
  clock: () => Millis
  newId: () => string
  signal: AbortSignal
  watchdogEvery: Millis
}

/** Sends what the daemon puts into the outbox and looks up what it asks, until the signal. Each channel goes its own way: one that fails or hangs holds up
 *  neither the other nor the questions. */
export async function runNotifier(parts: NotifierParts): Promise<void> {
  const { files, wake, deliveries, questions, log, health, notify, clock, newId, signal } = parts
  const told = new Set<string>(deliveries.length === 0 ? ['question'] : ['question', 'dropped', ...parts.settings.on])
  await notify.ready(health.summary())
  const watchdog = setInterval(() => void notify.watchdog(), parts.watchdogEvery)
  try {
    await Promise.all([tidy, ...deliveries.map(delivering), questions.turn].map(loop))
  } finally {
    clearInterval(watchdog)
    wake.close()
  }

  function delivering({ turn }: Delivery) {
    return async (names: readonly string[]) => {
      const until = await turn(notices(names), signal)
      // What this channel has delivered may be over now.
      if (until <= clock()) wake.nudge()
      return until
    }
  }

  async function loop(turn: (names: readonly string[]) => Promise<Millis>): Promise<void> {
    while (!signal.aborted) {
      const seen = wake.turn()
      const until = await look(turn)
      if (until > clock()) await wake.wait(seen, until)
    }
  }

  async function look(turn: (names: readonly string[]) => Promise<Millis>): Promise<Millis> {
    try {
      const until = await turn(await files.list())
      health.recovered('outbox')
      return until
    } catch (error) {
      health.failed('outbox', (error as Error).message)
      return clock() + RETRY
    }
  }

  /** Removes what every channel has delivered and what nobody wants to be told of any more, and gives up what has waited for a day. */
  async function tidy(names: readonly string[]): Promise<Millis> {
    const now = clock()
    const isOver = (name: string) => !told.has(readName(name)!.kind) || (isNotice(name) && deliveries.every(({ isDone }) => isDone(name)))
    const over = names.filter(isOver)
    for (const name of over) await files.remove(name)
    const late = names.filter(name => !over.includes(name) && isLate(readName(name)!.at, now))
    if (late.length > 0) {
      const counts = await sumUp(files, late, { why: 'late', id: newId(), now })
      log.warn('notifications.dropped', { number: total(counts), counts, remedy: 'they could not be delivered within a day' })
    }
    const oldest = names.find(name => !over.includes(name) && !late.includes(name))
    return oldest === undefined ? Number.POSITIVE_INFINITY : readName(oldest)!.at + 86_400_001
  }

  function notices(names: readonly string[]): string[] {
    return names.filter(name => isNotice(name) && told.has(readName(name)!.kind))
  }
}

function isNotice(name: string): boolean {
  return readName(name)?.kind !== 'question'
}
