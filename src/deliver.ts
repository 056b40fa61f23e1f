import { backoff, nextStep, type Progress } from './core/notification/due.ts'
import { type Message, readMessage, readName } from './core/notification/message.ts'
import { occurrenceOf } from './core/notification/notices.ts'
import { toPayload } from './core/notification/payload.ts'
import type { Millis } from './core/types.ts'
import type { Log } from './edge/log.ts'
import type { Channel } from './edge/notification/channel.ts'
import type { OutboxFiles } from './edge/notification/outbox-files.ts'
import type { ProgressFile, Saved } from './edge/notification/progress-file.ts'
import type { Health } from './health.ts'

const HOUR: Millis = 3_600_000
const DAY: Millis = 24 * HOUR
/** More occurrences than this are not remembered. */
const MOST_TOLD = 100

type Parts = {
  channel: Channel
  files: OutboxFiles
  progressFile: ProgressFile
  rate: number
  host: string
  log: Log
  health: Pick<Health, 'failed' | 'recovered'>
  clock: () => Millis
  /** From 0 to 1. */
  random: () => number
  newId: () => string
}

type Notice = Exclude<Message, { kind: 'question' }>

export type Delivery = ReturnType<typeof createDelivery>

/** Makes the delivery of messages by one channel: it remembers what it has delivered, also over its own death, and leaves it to `turn` when. */
export function createDelivery({ channel, files, progressFile, rate, host, log, health, clock, random, newId }: Parts) {
  const before = progressFile.read()
  const done = new Set(before.done)
  const sent: Record<string, readonly Millis[]> = { ...before.sent }
  const digests: Record<string, Progress['digests'][string]> = { ...before.digests }
  const told = new Map(Object.entries(before.told))
  const failing: Record<string, { attempts: number; nextAt: Millis }> = {}
  let pausedUntil = 0

  /** Were it not saved, it would only be delivered again after a death: no reason to stop. */
  function save(): void {
    const saved: Saved = { sent, digests, done: [...done], told: Object.fromEntries(told) }
    try {
      progressFile.write(saved)
      health.recovered('progress', channel.name)
    } catch (error) {
      health.failed('progress', `${(error as Error).message}; after a crash the last notifications may come twice`, channel.name)
    }
  }

  async function load(names: readonly string[]): Promise<{ name: string; message: Notice }[]> {
    const loaded = await Promise.all(names.map(async name => ({ name, message: await readNotice(name) })))
    return loaded.flatMap(({ name, message }) => {
      if (message !== undefined && isTold(message)) done.add(name)
      return message === undefined || isTold(message) ? [] : { name, message }
    })
  }

  /** Says whether the same occurrence was told within a day: a daemon that starts anew tells what goes on once more. */
  function isTold(message: Notice): boolean {
    const at = told.get(occurrence(message) ?? '')
    return at !== undefined && at > clock() - DAY && at <= clock()
  }

  /** Gives undefined for a message that is gone (the daemon has summed it up), or cannot be read: a loss of power leaves empty files. */
  async function readNotice(name: string): Promise<Notice | undefined> {
    try {
      const read = readMessage(await files.read(name))
      if (read.ok && read.value.kind !== 'question') return read.value
      log.warn('notification.unreadable', { name, problem: read.ok ? 'it is a question' : read.problem })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      log.warn('notification.unreadable', { name, problem: (error as Error).message })
    }
    done.add(name)
    return undefined
  }

  function failed(kind: string, problem: string, retryAfter: Millis = 0): void {
    const attempts = (failing[kind]?.attempts ?? 0) + 1
    const now = clock()
    failing[kind] = { attempts, nextAt: now + Math.max(backoff(attempts, random()), retryAfter) }
    if (retryAfter > 0) pausedUntil = now + retryAfter
    health.failed('delivery', problem, channel.name)
  }

  function delivered(kind: string, loaded: readonly { name: string; message: Notice }[]): void {
    const now = clock()
    for (const { name, message } of loaded) {
      done.add(name)
      const key = occurrence(message)
      if (key === undefined) continue
      told.delete(key)
      told.set(key, now)
      if (told.size > MOST_TOLD) told.delete(told.keys().next().value!)
    }
    sent[kind] = [...(sent[kind] ?? []).filter(at => at > now - HOUR), now]
    delete digests[kind]
    delete failing[kind]
    save()
    if (Object.keys(failing).length === 0) health.recovered('delivery', channel.name)
  }

  return {
    isDone: (name: string): boolean => done.has(name),

    /** Delivers what is due of the messages in the outbox, one at a time, and gives when to be called again. */
    async turn(names: readonly string[], signal: AbortSignal): Promise<Millis> {
      const there = new Set(names)
      for (const name of done) if (!there.has(name)) done.delete(name)
      const waiting = names.filter(name => !done.has(name)).map(name => ({ name, kind: readName(name)?.kind ?? '' }))
      const step = nextStep(waiting, { sent, digests, failing, pausedUntil }, { rate, now: clock() })
      if (step.action === 'wait') return step.until
      const { kind } = step
      const loaded = await load(step.names)
      const [first, ...rest] = loaded.map(({ message }) => message)
      if (first === undefined) return clock()
      const known = loaded.map(({ name }) => name)
      // Under the same id again, should this process die before it knows what came of it.
      const digest = step.digest ?? { id: newId(), names: known }
      if (rest.length > 0 && step.digest === undefined) {
        digests[kind] = digest
        save()
      }
      const payload = toPayload([first, ...rest], { id: digest.id, host })
      const outcome = await channel.send(payload, signal)
      if (signal.aborted && !outcome.ok) return clock()
      if (!outcome.ok) failed(kind, outcome.problem, outcome.retryAfter)
      else {
        delivered(kind, loaded)
        log.info('notification.sent', { channel: channel.name, kind, id: payload.id, number: payload.number })
      }
      return clock()
    },
  }
}

function occurrence(message: Notice): string | undefined {
  const key = 'event' in message ? occurrenceOf(message.event, message.fields) : undefined
  return key === undefined || !('event' in message) ? undefined : `${message.event} ${key}`
}
