import { addCounts, type Counts, type Message, messageName, readName, total, writeMessage } from './core/notification/message.ts'
import type { Millis } from './core/types.ts'
import type { OutboxFiles } from './edge/notification/outbox-files.ts'
import { sumUp } from './sum-up.ts'

/** No more messages wait in the folder; then half of them, the oldest, become one that counts them. */
const MOST_FILES = 1000
/** No more messages wait in memory for a folder that cannot be written or is slow. */
const MOST_QUEUED = 1000
const RETRY: Millis = 5000

type Parts = {
  files: OutboxFiles
  clock: () => Millis
  /** Gives a new UUID. */
  newId: () => string
  /** Waits; ends early with the signal. */
  pause: (length: Millis, signal: AbortSignal) => Promise<void>
  mostFiles?: number
  mostQueued?: number
}

/** What is to be written: a message but for what the outbox gives it. */
export type Draft = DraftOf<Exclude<Message, { kind: 'dropped' }>>
type DraftOf<M> = M extends Message ? Omit<M, 'id' | 'at'> : never

export type Outbox = ReturnType<typeof createOutbox>

/** Makes the writer of the outbox. `put` only queues and never fails or waits; the files are written one after the other behind it, bounded in number. What
 *  does not fit is counted, and the counts are messages themselves: nothing is left out in silence. */
export function createOutbox({ files, clock, newId, pause, mostFiles = MOST_FILES, mostQueued = MOST_QUEUED }: Parts) {
  const stop = new AbortController()
  const queue: Message[] = []
  let unqueued: { counts: Counts; since: Millis } | undefined
  let leftOut: Counts = {}
  /** The number of the newest message. */
  let newest = 0
  /** How many files there are at most: the notifier only takes away. Unknown before the first look. */
  let held: number | undefined
  let problem: string | undefined
  let running: Promise<void> | undefined

  function start(): void {
    running ??= run().finally(() => {
      running = undefined
      if (queue.length > 0 && !stop.signal.aborted) start()
    })
  }

  async function run(): Promise<void> {
    while ((queue.length > 0 || unqueued !== undefined) && !stop.signal.aborted) {
      try {
        await writeNext()
        problem = undefined
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error)
        await pause(RETRY, stop.signal)
      }
    }
  }

  async function writeNext(): Promise<void> {
    if (held === undefined) await files.tidy()
    if (held === undefined || held >= mostFiles) await makeRoom()
    const lost = unqueued
    if (lost !== undefined) {
      await write({ kind: 'dropped', id: newId(), at: clock(), since: lost.since, why: 'broken', counts: lost.counts })
      // More may have been lost while this was written.
      if (unqueued === lost) unqueued = undefined
      else unqueued = { counts: minus(unqueued!.counts, lost.counts), since: clock() }
      return
    }
    // Out of the queue meanwhile: what is being written must not be counted as left out.
    const message = queue.shift()!
    try {
      await write(message)
    } catch (error) {
      queue.unshift(message)
      throw error
    }
  }

  /** Counts what is there, and sums up the older half of it when that is too much. */
  async function makeRoom(): Promise<void> {
    const names = await files.list()
    newest = Math.max(newest, readName(names.at(-1) ?? '')?.number ?? 0)
    held = names.length
    if (held < mostFiles) return
    const gone = names.slice(0, Math.ceil(names.length - mostFiles / 2))
    leftOut = addCounts(leftOut, await sumUp(files, gone, { why: 'full', id: newId(), now: clock() }))
    held -= gone.length - 1
  }

  async function write(message: Message): Promise<void> {
    // The order of the names holds whatever the clock does.
    newest = Math.max(newest + 1, Math.floor(clock() * 1000))
    await files.put(messageName(newest, message), writeMessage(message))
    held!++
  }

  /** Counts the older half of the queue instead of keeping it. */
  function shorten(): void {
    const lost = queue.splice(0, mostQueued / 2)
    const counts = lost.reduce<Counts>((sum, { kind }) => addCounts(sum, { [kind]: 1 }), {})
    unqueued = { counts: addCounts(unqueued?.counts ?? {}, counts), since: unqueued?.since ?? lost[0]!.at }
    leftOut = addCounts(leftOut, counts)
  }

  return {
    /** Queues a message. */
    put(draft: Draft): void {
      if (stop.signal.aborted) return
      if (queue.length >= mostQueued) shorten()
      queue.push({ ...draft, id: newId(), at: clock() } as Message)
      start()
    },
    /** What is wrong with the folder now. */
    problem: (): string | undefined => problem,
    /** Gives how many messages of each kind were left out since it was asked last; undefined when none were. */
    takeLeftOut(): Counts | undefined {
      const taken = leftOut
      leftOut = {}
      return total(taken) > 0 ? taken : undefined
    },
    /** Resolves when all that was put is written. */
    settled: async (): Promise<void> => running,
    /** Waits for what is queued, `patience` ms at most, and ends. */
    async close(patience: Millis): Promise<void> {
      const limit = new AbortController()
      await Promise.race([running, pause(patience, limit.signal)])
      limit.abort()
      stop.abort()
    },
  }
}

function minus(all: Counts, told: Counts): Counts {
  return Object.fromEntries(Object.entries(all).map(([kind, number]) => [kind, number - (told[kind] ?? 0)]))
}
