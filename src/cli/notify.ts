import { randomUUID } from 'node:crypto'
import { Resolver } from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Command } from 'commander'
import { type Crawler, crawlersText, readCrawlers } from '../core/crawler.ts'
import { testPayload } from '../core/notification/payload.ts'
import type { Settings } from '../core/settings.ts'
import type { NotifySettings } from '../core/settings-notify.ts'
import { createDelivery } from '../deliver.ts'
import { dropToServiceUser, NOTIFY_USER } from '../edge/drop-user.ts'
import { createLog } from '../edge/log.ts'
import type { Channel } from '../edge/notification/channel.ts'
import { createCommand } from '../edge/notification/command.ts'
import { crawlersPath } from '../edge/notification/crawlers-file.ts'
import { exposure, loadNotifySettings } from '../edge/notification/notify-settings.ts'
import { openOutboxFiles } from '../edge/notification/outbox-files.ts'
import { openProgressFile } from '../edge/notification/progress-file.ts'
import { verifyCrawler } from '../edge/notification/verify-crawler.ts'
import { createWake } from '../edge/notification/wake.ts'
import { createWebhook } from '../edge/notification/webhook.ts'
import { createNotify, watchdogEvery } from '../edge/notify.ts'
import { createRun } from '../edge/run-command.ts'
import { writeWhole } from '../edge/write-whole.ts'
import { createHealth } from '../health.ts'
import { runNotifier } from '../notifier.ts'
import { createQuestions } from '../questions.ts'
import type { Context } from './context.ts'

export function registerNotify(program: Command, context: Context): void {
  program
    .command('notify')
    .description('send notifications of what the daemon does, and look up the names of crawlers')
    .option('--test', 'send one notification now and say what came of it')
    .addHelpText('after', '\nExample:\n  modwarden notify --test')
    .action(async ({ test }: { test?: true }) => {
      const settings = context.settings()
      const path = context.notifyPath()
      const own = loadNotifySettings(path)
      dropToServiceUser('/etc/passwd', { user: NOTIFY_USER })
      const channels = channelsOf(own)
      if (test) await sendTest(channels, path)
      else if (channels.length === 0 && settings.verifiedCrawlers.length === 0) await endIdle(path)
      else await run(settings, own, { channels, path })
    })
}

function channelsOf({ command, webhook: url, webhookHeader: header }: NotifySettings): Channel[] {
  return [
    ...(command.length === 0 ? [] : [createCommand(command)]),
    ...(url === undefined ? [] : [createWebhook({ url, header, clock: Date.now })]),
  ]
}

async function sendTest(channels: readonly Channel[], path: string): Promise<void> {
  if (channels.length === 0) throw new Error(`there is nowhere to send to; set notify.command or notify.webhook in ${path}`)
  const payload = testPayload({ id: randomUUID(), host: hostname(), at: Date.now() })
  for (const channel of channels) {
    const began = performance.now()
    const outcome = await channel.send(payload, new AbortController().signal)
    const took = `${Math.round(performance.now() - began)} ms`
    process.stdout.write(
      `${channel.name}: ${outcome.ok ? `delivered, ${outcome.detail}` : `NOT delivered, ${outcome.problem}`} (${took})\n`,
    )
    if (!outcome.ok) process.exitCode = 1
  }
}

async function endIdle(path: string): Promise<void> {
  process.stdout.write(
    `nothing to do: neither notify.command nor notify.webhook is set in ${path}, nor verified_crawlers in the settings\n`,
  )
  await createNotify(createRun({ timeout: 2000 }), { socket: process.env.NOTIFY_SOCKET, onFailure: () => {} }).ready('nothing to do')
}

async function run(
  settings: Settings,
  own: NotifySettings,
  { channels, path }: { channels: readonly Channel[]; path: string },
): Promise<void> {
  const log = createLog({ fd: 1, hasPrefix: process.env.JOURNAL_STREAM !== undefined })
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  const { signal } = stop
  const notify = createNotify(createRun({ timeout: 2000 }), {
    socket: process.env.NOTIFY_SOCKET,
    onFailure: problem => (signal.aborted ? undefined : log.warn('notification.failed', { problem })),
  })
  const ways = [...channels.map(({ name }) => name), ...(settings.verifiedCrawlers.length > 0 ? ['looking up crawlers'] : [])]
  const health = createHealth(log, Date.now, summary => void notify.status(summary), ways.join(', '))
  const shared = { log, health, clock: Date.now, newId: randomUUID, files: openOutboxFiles(settings.outboxDir) }
  const wake = createWake(settings.outboxDir, { clock: Date.now, signal })
  const warning = exposure(path)
  if (warning !== undefined) log.warn('settings.exposed', { problem: warning })
  log.info('notifier.started', { channels: channels.map(({ name }) => name), on: own.on, verified_crawlers: settings.verifiedCrawlers })
  const deliveries = channels.map(channel =>
    createDelivery({
      ...shared,
      channel,
      progressFile: openProgressFile(settings.notifyDir, channel.name.split(' ', 1)[0]!),
      rate: own.rate,
      host: hostname(),
      random: Math.random,
    }),
  )
  const questions = createQuestions({ ...shared, verify: createVerify(), list: openList(settings), onAnswer: wake.nudge })
  await runNotifier({ ...shared, settings: own, wake, deliveries, questions, notify, signal, watchdogEvery: watchdogEvery() })
  log.info('notifier.stopped')
}

function createVerify() {
  const resolver = new Resolver({ timeout: 2000, tries: 2 })
  return (ip: string, domains: readonly string[]) => verifyCrawler(ip, domains, resolver)
}

/** The list of verified crawlers, which this process alone writes. */
function openList({ notifyDir, verifiedCrawlers }: Settings) {
  const path = crawlersPath(notifyDir)
  return {
    read(): Crawler[] {
      try {
        return readCrawlers(readFileSync(path, 'latin1'), verifiedCrawlers, Date.now()).crawlers
      } catch {
        return []
      }
    },
    write: (crawlers: readonly Crawler[]) => writeWhole(path, crawlersText(crawlers)),
  }
}
