import { randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Message, messageName, readName, writeMessage } from '../src/core/notification/message.ts'
import { KINDS } from '../src/core/notification/notices.ts'
import type { Payload } from '../src/core/notification/payload.ts'
import { createDelivery } from '../src/deliver.ts'
import type { Channel, Outcome } from '../src/edge/notification/channel.ts'
import { openOutboxFiles } from '../src/edge/notification/outbox-files.ts'
import { openProgressFile } from '../src/edge/notification/progress-file.ts'
import { createWake } from '../src/edge/notification/wake.ts'
import { createHealth } from '../src/health.ts'
import { runNotifier } from '../src/notifier.ts'
import { until } from './until.ts'

export type Line = { level: string; event: string; fields: Readonly<Record<string, unknown>> }

/** A log that only remembers. */
export function createMemoryLog() {
  const lines: Line[] = []
  const write =
    (level: string) =>
    (event: string, fields: Readonly<Record<string, unknown>> = {}) =>
      void lines.push({ level, event, fields })
  return { lines, log: { info: write('info'), warn: write('warn'), error: write('error') } }
}

/** A receiver that keeps what came, and answers as it is told. */
export function createReceiver(name: string) {
  const got: Payload[] = []
  const receiver = {
    got,
    answer: (_payload: Payload): Outcome | Promise<Outcome> => ({ ok: true, detail: 'taken' }),
    texts: () => got.map(({ fields, number }) => (number > 1 ? `${number}` : String(fields.n ?? '?'))).join(' '),
  }
  const channel: Channel = {
    name,
    async send(payload, signal) {
      const outcome = await Promise.race([
        receiver.answer(payload),
        new Promise<Outcome>(resolve => signal.addEventListener('abort', () => resolve({ ok: false, problem: 'aborted' }))),
      ])
      if (outcome.ok) got.push(payload)
      return outcome
    },
  }
  return { receiver, channel }
}

type Options = { channels: readonly Channel[]; on?: readonly (typeof KINDS)[number][]; rate?: number }

/** A notifier on folders of its own, with a clock that is set; it can be killed and started again. */
export function createNotifierHarness({ channels, on = KINDS, rate = 20 }: Options) {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-notifier-'))
  const state = mkdtempSync(join(tmpdir(), 'modwarden-notifier-state-'))
  let looks = 0
  const real = openOutboxFiles(folder)
  const files = {
    ...real,
    list: () => {
      looks++
      return real.list()
    },
  }
  const time = { now: Date.parse('2026-01-02T03:04:05Z') }
  const { lines, log } = createMemoryLog()
  const notify = {
    ready: async () => {},
    status: async () => {},
    reloading: async () => {},
    stopping: async () => {},
    watchdog: async () => {},
  }
  let running: { stop: AbortController; ended: Promise<void>; nudge: () => void } | undefined
  let number = time.now * 1000

  return {
    folder,
    state,
    files,
    time,
    lines,
    names: () =>
      readdirSync(folder)
        .filter(name => readName(name) !== undefined)
        .sort(),

    start(questions = { turn: async () => Number.POSITIVE_INFINITY }): void {
      const stop = new AbortController()
      // Only changes and `pass` end a wait: the real time that a test takes says nothing.
      const wake = createWake(folder, { clock: () => 0, signal: stop.signal })
      const shared = {
        files,
        log,
        health: createHealth(
          log,
          () => time.now,
          () => {},
        ),
        clock: () => time.now,
        newId: randomUUID,
      }
      const deliveries = channels.map(channel =>
        createDelivery({ ...shared, channel, progressFile: openProgressFile(state, channel.name), rate, host: 'web1', random: () => 1 }),
      )
      const parts = { ...shared, settings: { on }, wake, deliveries, questions, notify, signal: stop.signal, watchdogEvery: 1e6 }
      running = { stop, ended: runNotifier(parts), nudge: wake.nudge }
    },
    async stop(): Promise<void> {
      running?.stop.abort()
      await running?.ended
    },
    /** Lets time pass. */
    pass(length: number): void {
      time.now += length
      running?.nudge()
    },
    /** Waits until every part of the notifier has looked, and done what it saw; none of them may hang. */
    async settle(): Promise<void> {
      for (let turn = 0; turn < 2; turn++) {
        const enough = looks + channels.length + 2
        running?.nudge()
        await until('all have looked', () => looks >= enough)
      }
    },
    async put(message: Partial<Message> & { kind: Message['kind'] }): Promise<void> {
      number = Math.max(number + 1, time.now * 1000)
      const whole = { id: randomUUID(), at: time.now, event: 'test.done', fields: {}, ...message } as Message
      await files.put(messageName(number, whole), writeMessage(whole))
    },
    /** Puts messages of a kind, numbered. */
    async putMany(kind: (typeof KINDS)[number], from: number, to: number): Promise<void> {
      for (let n = from; n <= to; n++) await this.put({ kind, fields: { n } })
    },
    empty(): Promise<boolean> {
      return until('the outbox is empty', () => this.names().length === 0)
    },
    async remove(): Promise<void> {
      await this.stop()
      for (const path of [folder, state]) rmSync(path, { recursive: true, force: true })
    },
  }
}
