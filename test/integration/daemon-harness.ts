import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { readName } from '../../src/core/notification/message.ts'
import { type FakeEntry, v3Entry } from '../entries.ts'
import { createNamespace, whyNoNamespace } from '../netns.ts'
import { until } from '../until.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export type DaemonHarness = ReturnType<typeof createDaemonHarness>

/** A real daemon in a network namespace (of its own, unless one is given), with its log, database and settings in a folder of its own. */
export function createDaemonHarness(
  settings: string | ((folder: string) => string) = '',
  namespace: Pick<ReturnType<typeof createNamespace>, 'name' | 'remove'> = createNamespace(),
) {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-daemon-'))
  const log = join(folder, 'log/audit.log')
  const database = join(folder, 'db/modwarden.db')
  mkdirSync(join(folder, 'log'))
  mkdirSync(join(folder, 'db'))
  const config = join(folder, 'modwarden.toml')
  const more = typeof settings === 'string' ? settings : settings(folder)
  writeFileSync(config, `audit_log = "${log}"\ndatabase = "${database}"\nmodel_dir = "${folder}/models"\n${more}\n`)
  let daemon: ChildProcess | undefined
  let number = 0
  const journalPath = join(folder, 'journal')
  writeFileSync(journalPath, '')

  return {
    folder,
    log,
    database,
    config,
    namespace,

    /** Starts the daemon and waits until it says so; `prefix` runs it by another program. */
    async start(prefix: readonly string[] = [], options: readonly string[] = []): Promise<void> {
      const before = this.journal().length
      daemon = spawn('ip', [
        'netns',
        'exec',
        namespace.name,
        ...prefix,
        process.execPath,
        MAIN,
        '--config',
        config,
        'run',
        '--from-start',
        ...options,
      ])
      for (const stream of [daemon.stdout!, daemon.stderr!]) stream.on('data', (chunk: Buffer) => appendFileSync(journalPath, chunk))
      await until(
        'the daemon has started',
        () =>
          this.journal()
            .slice(before)
            .some(line => line.event === 'daemon.started') || daemon!.exitCode !== null,
      )
    },
    exitCode: () => daemon?.exitCode,
    signal: (name: NodeJS.Signals) => void daemon?.kill(name),
    async ended(): Promise<void> {
      await until('the daemon has ended', () => daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null, 15_000)
      daemon = undefined
    },
    text: () => readFileSync(journalPath, 'utf8'),
    journal: (): Record<string, unknown>[] =>
      readFileSync(journalPath, 'utf8')
        .split('\n')
        .flatMap(line => (line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line) as Record<string, unknown>] : [])),

    /** Writes entries with ids of their own and gives how many there are by now. */
    write(count: number, entry: Partial<FakeEntry> = {}, path = log): number {
      const text = Array.from({ length: count }, () => v3Entry({ ip: '203.0.113.1', ...entry, id: `n${number++}` })).join('')
      appendFileSync(path, text)
      return number
    },
    written: () => number,
    query<T>(sql: string): T[] {
      const reader = new Sqlite(database, { readonly: true })
      try {
        return reader.prepare<[], T>(sql).all()
      } finally {
        reader.close()
      }
    },
    ids(): string[] {
      return this.query<{ id: string }>('SELECT transaction_id AS id FROM events ORDER BY id').map(row => row.id)
    },
    rules: (): string => execFileSync('ip', ['netns', 'exec', namespace.name, 'iptables', '-S'], { encoding: 'utf8' }),
    isDropped(ip: string): boolean {
      return this.rules().includes(`-A MODWARDEN -s ${ip}/32 -j DROP`)
    },
    /** Runs a command where the daemon runs: this machine's own addresses may be the very ones that a test blocks. */
    command: (...args: string[]) =>
      spawnSync('ip', ['netns', 'exec', namespace.name, process.execPath, MAIN, '--config', config, ...args], {
        encoding: 'utf8',
        timeout: 60_000,
      }),
    async remove(): Promise<void> {
      daemon?.kill('SIGKILL')
      await this.ended()
      namespace.remove()
      rmSync(folder, { recursive: true })
    },
  }
}

/** Runs a test on a real daemon; `settings` may need its folder. */
export function withDaemon(name: string, settings: (folder: string) => string, work: (daemon: DaemonHarness) => Promise<void>): void {
  test(name, { skip: whyNoNamespace() ?? false, timeout: 90_000 }, async () => {
    const daemon = createDaemonHarness(settings)
    try {
      await work(daemon)
    } catch (error) {
      process.stderr.write(daemon.text().slice(-4000))
      throw error
    } finally {
      await daemon.remove()
    }
  })
}

/** The events that a daemon with `outbox_dir` in its folder has put into the outbox, in their order. */
export function announced({ folder }: DaemonHarness): string[] {
  const outbox = join(folder, 'outbox')
  const names = readdirSync(outbox).filter(name => readName(name) !== undefined)
  return names.sort().map(name => (JSON.parse(readFileSync(join(outbox, name), 'utf8')) as { event: string }).event)
}
