// Helpers for the tests inside the container that test/integration/setup.test.ts boots.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, globSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'

assert.equal(process.env.WITH_SYSTEMD, '1', 'only inside the container')

export const LOG = '/var/log/modsecurity/audit.log'
export const MANIFEST = '/var/lib/modwarden-setup/manifest.json'
export const ATTACK = '/?arg=../../etc/passwd'

export const out = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
export const isActive = (unit: string) => spawnSync('systemctl', ['is-active', '--quiet', unit]).status === 0

/** Runs the command as an admin does. */
export function modwarden(...args: string[]): { code: number | null; said: string; errors: string } {
  const { status, stdout, stderr } = spawnSync('modwarden', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  return { code: status, said: stdout, errors: stderr }
}

/** Runs setup without a question, and checks that it went well. */
export function setUp(...args: string[]): string {
  const { code, said, errors } = modwarden('setup', ...args, '--yes')
  assert.equal(code, 0, `${said}\n${errors}`)
  return said
}

/** The status of the answer to a path, and its headers. */
export function get(path: string, ...more: string[]): { status: number; headers: string } {
  const headers = out(
    'curl',
    '-sk',
    '-m',
    '10',
    '-o',
    '/dev/null',
    '-D',
    '-',
    ...more,
    path.startsWith('http') ? path : `http://127.0.0.1${path}`,
  )
  return { status: Number(/^HTTP\/\S+ (\d+)/.exec(headers)![1]), headers }
}

/** Everything under some folders that a web server or modwarden may have to do with: what a file says, whose it is, where a link points. */
export function snapshot(folders = ['/etc', '/var/log/modsecurity']): Map<string, string> {
  const found = new Map<string, string>()
  const add = (path: string): void => {
    // The machine's own business; systemd's state of units is looked at by its commands.
    if (/^\/etc\/(?:ld\.so\.cache|systemd\/system\/.*\.wants(?:\/|$))/.test(path)) return
    const stat = lstatSync(path)
    const access = `${(stat.mode & 0o7777).toString(8)} ${stat.uid}:${stat.gid}`
    if (stat.isSymbolicLink()) found.set(path, `-> ${readlinkSync(path)}`)
    else if (stat.isDirectory()) {
      found.set(path, access)
      for (const name of readdirSync(path)) add(join(path, name))
    } else if (stat.isFile()) found.set(path, `${access} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`)
  }
  for (const folder of folders) if (existsSync(folder)) add(folder)
  return found
}

/** Checks that two snapshots are the same, and says in which paths they differ. */
export function assertSame(before: Map<string, string>, after: Map<string, string>): void {
  const paths = [...new Set([...before.keys(), ...after.keys()])].filter(path => before.get(path) !== after.get(path))
  assert.deepEqual(
    paths.map(path => ({ path, before: before.get(path), after: after.get(path) })),
    [],
  )
}

export function access(path: string): string {
  const { mode, uid, gid } = statSync(path)
  return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`
}

export const gid = (group: string) => out('getent', 'group', group).split(':')[2]!

/** Whether a user may read a file. */
export const mayRead = (user: string, path: string, ...group: string[]) =>
  spawnSync('runuser', ['-u', user, ...group.flatMap(name => ['-g', name]), '--', 'test', '-r', path]).status === 0

/** How the scorer's protocols were asked so far, from its metrics. */
export const asked = () =>
  out('curl', '-s', '--unix-socket', '/run/modwarden-score/score.sock', 'http://localhost/metrics')
    .split('\n')
    .filter(line => line.startsWith('modwarden_score_requests_total'))
    .join('\n')

const UNITS = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system']
const AWAY = '/root/units'

/** Takes modwarden's units away, or brings them back: where the services are not what is tested, each start of them costs seconds. */
export function services(state: 'away' | 'back'): void {
  if (state === 'back') out('cp', '-a', `${AWAY}/.`, '/etc/systemd/system/')
  else {
    mkdirSync(AWAY, { recursive: true })
    for (const path of UNITS.flatMap(folder => globSync(`${folder}/modwarden*`))) {
      cpSync(path, join(AWAY, basename(path)), { recursive: true })
      rmSync(path, { recursive: true })
    }
  }
  out('systemctl', 'daemon-reload')
}
