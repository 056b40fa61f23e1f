import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Command } from 'commander'
import { createAnnouncer } from '../announce.ts'
import type { Settings } from '../core/settings.ts'
import { startDaemon } from '../daemon.ts'
import { chooseFirewall } from '../edge/firewall/choose.ts'
import { createCutConnections } from '../edge/firewall/cut-connections.ts'
import { createLog, type Log } from '../edge/log.ts'
import { openWanted } from '../edge/notification/notify-settings.ts'
import { openOutboxFiles } from '../edge/notification/outbox-files.ts'
import { createNotify, watchdogEvery } from '../edge/notify.ts'
import { createRun } from '../edge/run-command.ts'
import { SettingsError } from '../edge/settings-file.ts'
import { claimDatabase, openDaemonStore } from '../edge/store/set-aside.ts'
import { createOutbox } from '../outbox.ts'
import { recall } from '../recall.ts'
import type { Context } from './context.ts'

type Options = { dryRun?: true; fromStart?: true }

/** Notifications that are not written by then at a stop are left to the journal. */
const LAST_WORDS = 300

export function registerRun(program: Command, context: Context): void {
  program
    .command('run')
    .description('the daemon: follow the audit log, score, count, block, release')
    .option('--dry-run', 'touch no firewall and say what would be done')
    .option('--from-start', 'read a log that is followed for the first time from its beginning')
    .addHelpText('after', '\nExample:\n  modwarden run --dry-run --from-start')
    .action((options: Options) => run(context, options))
}

async function run(context: Context, options: Options): Promise<void> {
  const read = context.settings()
  const settings: Settings = options.dryRun ? { ...read, firewall: 'dry-run' } : read
  const journal = createLog({ fd: 1, hasPrefix: process.env.JOURNAL_STREAM !== undefined })
  const announcer = openAnnouncer(settings, context.notifyPath(), journal)
  const { log } = announcer
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())

  // A reload that comes while the daemon starts waits for it; without a listener the signal would end the process.
  let isDue = false
  let takeOver = () => {
    isDue = true
  }
  process.on('SIGHUP', () => takeOver())

  const notify = createNotify(createRun({ timeout: 2000 }), {
    socket: process.env.NOTIFY_SOCKET,
    // At the stop systemd may end the messenger before it is through: nothing is amiss then.
    onFailure: problem => (stop.signal.aborted ? undefined : log.warn('notification.failed', { problem })),
  })
  const firewall = chooseFirewall(settings, { dryRun: options.dryRun === true, log })
  const release = claimDatabase(settings.database)
  const { store, isFresh } = await openDaemonStore(settings, { firewall, log, clock: Date.now, recall })
  try {
    const fromStart = options.fromStart === true || isFresh
    const daemon = await startDaemon({
      settings,
      store,
      firewall,
      ...(firewall.backend() === 'dry-run' ? {} : { cutConnections: createCutConnections(createRun({ timeout: 5000 }), log, stop.signal) }),
      log,
      announcer,
      notify,
      clock: Date.now,
      signal: stop.signal,
      fromStart,
      watchdogEvery: watchdogEvery(),
    })
    takeOver = () => void reload(context, settings, { log, apply: daemon.reload })
    if (isDue) takeOver()
    stop.signal.addEventListener('abort', () => void notify.stopping(), { once: true })
    await daemon.ended
    log.info('daemon.stopped')
  } finally {
    store.close()
    release()
    await announcer.close(LAST_WORDS)
  }
}

/** A dry run blocks nobody: there is nothing to tell. */
function openAnnouncer(settings: Settings, path: string, log: Log) {
  const outbox = createOutbox({
    files: openOutboxFiles(settings.outboxDir),
    clock: Date.now,
    newId: randomUUID,
    pause: (length, signal) => wait(length, undefined, { signal }).catch(() => {}),
  })
  const wanted = settings.firewall === 'dry-run' ? undefined : openWanted(path, log)
  return createAnnouncer({ outbox, wanted, log, clock: Date.now })
}

/** Takes over new settings, or leaves everything as it is and says what is wrong with the new ones. */
async function reload(
  context: Context,
  started: Settings,
  { log, apply }: { log: Log; apply: (settings: Settings) => Promise<void> },
): Promise<void> {
  const next = newSettings(context, log)
  if (next === undefined) return
  const fixed = ['auditLogs', 'database', 'firewall', 'chains', 'mode', 'storageDir', 'modelDir', 'outboxDir'] as const
  const kept = Object.fromEntries(fixed.map(key => [key, started[key]]))
  const changed = fixed.filter(key => JSON.stringify(next[key]) !== JSON.stringify(started[key]))
  if (changed.length > 0) log.warn('settings.kept', { settings: changed, remedy: 'these take effect with systemctl restart modwarden' })
  await apply({ ...next, ...kept })
}

function newSettings(context: Context, log: Log): Settings | undefined {
  try {
    return context.settings()
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    log.error('settings.refused', { problems: [...error.problems], remedy: 'the old settings stay; see modwarden check' })
    return undefined
  }
}
