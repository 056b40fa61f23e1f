import { randomInt } from 'node:crypto'
import type { Command } from 'commander'
import { createFindClient } from '../core/client.ts'
import { mulberry32 } from '../core/model/random.ts'
import { dropToServiceUser, SCORE_USER } from '../edge/drop-user.ts'
import { createLog } from '../edge/log.ts'
import { createNotify, watchdogEvery } from '../edge/notify.ts'
import { createRun } from '../edge/run-command.ts'
import { groupId } from '../edge/scoring/take-socket.ts'
import { serve } from '../serve.ts'
import type { Context } from './context.ts'

export function registerServe(program: Command, context: Context): void {
  program
    .command('serve')
    .description('the scoring server that the WAF asks about each request')
    .addHelpText('after', '\nExample:\n  modwarden serve\n  curl --unix-socket /run/modwarden-score/score.sock http://localhost/healthz')
    .action(() => runServer(context))
}

async function runServer(context: Context): Promise<void> {
  const settings = context.settings()
  dropToServiceUser('/etc/passwd', { user: SCORE_USER, extraGroup: groupId(settings.scoreGroup) })
  const log = createLog({ fd: 1, hasPrefix: process.env.JOURNAL_STREAM !== undefined })
  const stop = new AbortController()
  // A hangup would end it anyway, without what is done at a stop; systemd starts it again, with new settings.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => stop.abort())
  const notify = createNotify(createRun({ timeout: 2000 }), {
    socket: process.env.NOTIFY_SOCKET,
    onFailure: problem => (stop.signal.aborted ? undefined : log.warn('notification.failed', { problem })),
  })
  stop.signal.addEventListener('abort', () => void notify.stopping(), { once: true })
  await serve({
    settings,
    log,
    notify,
    clock: Date.now,
    // Nobody outside can foresee which requests are kept.
    random: mulberry32(randomInt(2 ** 32)),
    signal: stop.signal,
    watchdogEvery: watchdogEvery(),
    findClient: createFindClient(settings.trustedProxies, settings.clientIpHeader),
  })
}
