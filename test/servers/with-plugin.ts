import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Sent, type ServerOptions, send, type WebServer } from './common.ts'
import { installPlugin, type Scorers, startScorers, testSwitches } from './plugin.ts'

// A connection each: a server that runs out of workers closes kept ones, maybe just when the next request comes.
const AGENT = {
  Connection: 'close',
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  Accept: '*/*',
}

export type Running = {
  server: WebServer
  scorers: Scorers
  ask: (path: string, switches?: Record<string, string>, sent?: Partial<Sent>) => Promise<number>
}

/** Runs a server with the plugin, and a scorer of every manner beside it; a request says by headers what it wants of them (`testSwitches`). */
export async function withPlugin(
  start: (options: ServerOptions) => Promise<WebServer>,
  crsRules: string | undefined,
  body: (running: Running) => Promise<void>,
  directives = '',
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-plugin-'))
  const scorers = await startScorers(folder)
  try {
    const moreRules = `SecAuditEngine RelevantOnly\n${directives}\n${testSwitches(folder)}`
    const server = await start({
      folder,
      format: 'JSON',
      type: 'Serial',
      parts: 'ABFHZ',
      moreRules,
      ...installPlugin(folder),
      ...(crsRules === undefined ? {} : { crsRules }),
    })
    const ask = (path: string, switches: Record<string, string> = {}, sent: Partial<Sent> = {}) =>
      send(server.port, { ip: '192.0.2.7', path, headers: { ...AGENT, 'X-Test-Scorer': 'fine', ...switches }, ...sent })
    try {
      await body({ server, scorers, ask })
    } finally {
      await server.stop()
    }
  } finally {
    await scorers.close()
    rmSync(folder, { recursive: true })
  }
}
