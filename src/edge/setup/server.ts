import { setTimeout as pause } from 'node:timers/promises'
import { printable } from '../../core/printable.ts'
import { hintFor } from '../../core/setup/failure.ts'
import type { Layout } from '../../core/setup/layout.ts'
import { CommandError, type Run } from '../run-command.ts'
import { readText } from './files.ts'

/** Thousands of rules take nginx some seconds. */
const TAKING_OVER = 20_000
const LOOK = 200

export type Server = ReturnType<typeof createServer>

/** The web server as a service: its own test, and its state in systemd (`hasSystemd`), without which it is never touched. */
export function createServer({ test, service, errorLog }: Layout, { run, hasSystemd }: { run: Run; hasSystemd: boolean }) {
  const systemctl = (verb: string) => run('systemctl', [verb, service])
  const isActive = async (): Promise<boolean> => hasSystemd && (await state(run, service)) === 'active'

  /** What the server has told last, in systemd's journal and in its own log, of which clients write a part. */
  async function lastWords(): Promise<string> {
    const journal = await run('journalctl', ['-u', service, '-n', '4', '--no-pager', '-o', 'cat']).catch((error: Error) => error.message)
    const own = await run('tail', ['-n', '4', errorLog]).catch((error: Error) => error.message)
    const lines = [...journal.trimEnd().split('\n'), `${errorLog}:`, ...own.trimEnd().split('\n')]
    return lines.map(line => printable(line, 400)).join('\n')
  }

  /** The numbers of the processes that the service's first one has started; none where that cannot be told. */
  async function workers(): Promise<string[]> {
    const main = (await run('systemctl', ['show', '--value', '-p', 'MainPID', service])).trim()
    return (readText(`/proc/${main}/task/${main}/children`) ?? '').split(' ').filter(pid => pid !== '')
  }

  /** Waits for workers with the new configuration. nginx tells nobody that it could not take it over, as where a port is taken: it logs that and goes
   *  on with the old one, until the next start, which fails. */
  async function isNew(old: readonly string[]): Promise<boolean> {
    for (let look = 0; look < TAKING_OVER / LOOK; look++) {
      if ((await workers()).some(pid => !old.includes(pid))) return true
      await pause(LOOK)
    }
    return false
  }

  return {
    isActive,
    lastWords,

    /** Has the server test its configuration. Throws with its own words. */
    async test(): Promise<void> {
      try {
        await run(test[0], test.slice(1))
      } catch (error) {
        throw told(error, `the new configuration does not pass the test of ${service}`)
      }
    },

    /** Has the server take over its configuration. Throws when it does not. */
    async takeOver(verb: 'reload' | 'restart'): Promise<void> {
      const old = service === 'nginx' && verb === 'reload' ? await workers() : []
      try {
        await systemctl(verb)
      } catch (error) {
        throw new Error(`the ${verb} of ${service} failed:\n${await lastWords()}`, { cause: error })
      }
      if (old.length > 0 && !(await isNew(old)))
        throw new Error(`${service} goes on with its old configuration after the reload:\n${await lastWords()}`)
    },

    /** Reloads the server, or starts it again where it was lost: afterwards it runs as it did before. */
    async bringBack(): Promise<void> {
      // A reload that cannot get its ports ends the server a moment later.
      for (let look = 0; look < 10 && (await state(run, service)) === 'deactivating'; look++) await pause(500)
      await systemctl((await isActive()) ? 'reload' : 'restart')
    },
  }
}

async function state(run: Run, service: string): Promise<string> {
  return (await run('systemctl', ['show', '--value', '-p', 'ActiveState', service])).trim()
}

function told(error: unknown, what: string): Error {
  if (!(error instanceof CommandError)) return error as Error
  const words = error.stderr === '' ? error.message : error.stderr
  return new Error(`${what}${hintFor(words)}:\n${words}`, { cause: error })
}
