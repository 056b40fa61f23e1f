import systemdNotify from 'systemd-notify'
import type { Millis } from '../core/types.ts'
import type { Run } from './run-command.ts'

/** Tells systemd how the service is. Does nothing where systemd does not listen. */
export interface Notify {
  ready(status: string): Promise<void>
  status(status: string): Promise<void>
  reloading(): Promise<void>
  stopping(): Promise<void>
  watchdog(): Promise<void>
}

/** Uses the package systemd-notify for what it can say (readiness, status); it has no words for the rest, so the program of the same name says that. */
export function createNotify(
  run: Run,
  { socket, onFailure }: { socket: string | undefined; onFailure: (problem: string) => void },
): Notify {
  const guarded = async (send: () => Promise<unknown>) => {
    if (socket === undefined) return
    try {
      await send()
    } catch (error) {
      onFailure(error instanceof Error ? error.message : String(error))
    }
  }
  const say = (...words: string[]) => guarded(() => run('systemd-notify', words))
  return {
    ready: status => guarded(() => systemdNotify({ ready: true, status: oneLine(status) })),
    status: status => guarded(() => systemdNotify({ status: oneLine(status) })),
    reloading: () => say('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    stopping: () => say('STOPPING=1'),
    watchdog: () => say('WATCHDOG=1'),
  }
}

/** A third of what systemd allows (WATCHDOG_USEC), so that one lost message is no hang. */
export function watchdogEvery(): Millis {
  const allowed = Number(process.env.WATCHDOG_USEC ?? 0) / 1000
  return allowed > 0 ? allowed / 3 : 20_000
}

// A line break would start another field of the protocol.
function oneLine(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, ' ').slice(0, 200)
}
