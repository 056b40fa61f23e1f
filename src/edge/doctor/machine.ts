import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readCapabilities } from '../../core/doctor/accounts.ts'
import type { FirewallFacts, ProcessFacts, ProgramFacts, Unit } from '../../core/doctor/facts.ts'
import { type FilterTable, readFilterTable } from '../../core/doctor/filter-table.ts'
import { NO_OPTIONS, type RotationRule, readLogrotate } from '../../core/doctor/logrotate.ts'
import { TABLE } from '../../core/nft-script.ts'
import type { Result } from '../../core/types.ts'
import { explained, isMissing } from '../firewall/remedy.ts'
import { CommandError, type Run } from '../run-command.ts'
import type { Places } from './places.ts'
import { expandGlob, readSmall } from './small-file.ts'

const UNITS = ['modwarden.service', 'modwarden-expire.timer', 'modwarden-score.service', 'modwarden-train.timer']
const PROPERTIES = 'Id,LoadState,ActiveState,UnitFileState,Result,ExecMainStatus,NRestarts,MainPID,AmbientCapabilities,User,Group'
const PROGRAMS = ['iptables-save', 'iptables-restore', 'ip6tables-save', 'ip6tables-restore', 'nft', 'ipset', 'conntrack']
const MOST_ROTATION_FILES = 1000

/** Asks systemd about our units. Throws where it is not there. */
export async function askUnits(run: Run): Promise<(Unit & { user: string; group: string })[]> {
  const text = await run('systemctl', ['show', '--no-pager', '-p', PROPERTIES, ...UNITS])
  return text
    .trim()
    .split('\n\n')
    .map(block => {
      const fields = new Map(block.split('\n').map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
      const of = (name: string) => fields.get(name) ?? ''
      return {
        id: of('Id'),
        isLoaded: of('LoadState') === 'loaded',
        active: of('ActiveState'),
        enabled: of('UnitFileState'),
        result: of('Result'),
        exitStatus: Number(of('ExecMainStatus')),
        restarts: Number(of('NRestarts')),
        pid: Number(of('MainPID')),
        ambient: of('AmbientCapabilities'),
        user: of('User'),
        group: of('Group'),
      }
    })
}

/** Looks at a running process: what it may do, how many files it has open, which logs it sees. Throws when it is gone, or nobody lets us look. */
export function lookAtProcess(proc: string, pid: number, logs: readonly string[] = []): ProcessFacts {
  const folder = join(proc, String(pid))
  const [status, limits] = ['status', 'limits'].map(name => readSmall(join(folder, name)))
  if (!status?.ok || !limits?.ok) throw new Error(`process ${pid} is gone`)
  return {
    capabilities: readCapabilities(status.value),
    filesOpen: readdirSync(join(folder, 'fd')).length,
    filesMost: Number(/^Max open files\s+(\d+)/m.exec(limits.value)?.[1] ?? Number.POSITIVE_INFINITY),
    hidden: logs.filter(log => existsSync(log) && !existsSync(join(folder, 'root', log))),
  }
}

/** Looks which programs are installed, and which iptables it is. */
export async function findPrograms({ programs, run }: Places): Promise<ProgramFacts> {
  const isThere = (name: string) => programs.some(folder => isExecutable(join(folder, name)))
  const missing = PROGRAMS.filter(name => !isThere(name))
  const version = missing.includes('iptables-save') ? undefined : await run('iptables', ['-V']).catch(() => undefined)
  const kind = version?.includes('nf_tables') ? 'nft' : version?.includes('legacy') ? 'legacy' : undefined
  return { missing, iptables: kind, manager: isThere('dnf') && !isThere('apt-get') ? 'dnf' : 'apt-get' }
}

/** Reads the rules of the firewall; what a family or a program does not give says why. */
export async function lookAtFirewall({ run, proc }: Places): Promise<FirewallFacts> {
  const [ipv4, ipv6, table] = await Promise.all([readFamily(run, 'iptables-save'), readFamily(run, 'ip6tables-save'), readHooks(run)])
  return { hasIpv6: hasIpv6(proc), ipv4, ipv6, table }
}

async function readFamily(run: Run, program: string): Promise<Result<FilterTable>> {
  return asResult(async () => readFilterTable(await explained(run(program, ['-t', 'filter']))))
}

async function readHooks(run: Run): Promise<FirewallFacts['table']> {
  return asResult(async () => {
    try {
      const listing = await explained(run('nft', ['-t', 'list', 'table', ...TABLE.split(' ')]))
      return [...listing.matchAll(/type filter hook (\w+)/g)].map(match => match[1]!)
    } catch (error) {
      const cause = (error as Error).cause
      if (isMissing(error) || (cause instanceof CommandError && cause.stderr.includes('No such file or directory'))) return undefined
      throw error
    }
  })
}

async function asResult<T>(work: () => Promise<T>): Promise<Result<T>> {
  try {
    return { ok: true, value: await work() }
  } catch (error) {
    return { ok: false, problem: (error as Error).message }
  }
}

/** Any address but loopback counts: a link-local one is reached by neighbours. */
function hasIpv6(proc: string): boolean {
  const text = readSmall(join(proc, 'net/if_inet6'))
  return text.ok && text.value.split('\n').some(line => line !== '' && !line.endsWith(' lo'))
}

/** Reads every rule of logrotate. Throws when its settings cannot be read. */
export function readRotation(path: string): RotationRule[] {
  const rules: RotationRule[] = []
  let options = NO_OPTIONS
  let files = 0
  const read = (file: string): void => {
    const text = files++ < MOST_ROTATION_FILES ? readSmall(file) : undefined
    if (text?.ok !== true) return
    const found = readLogrotate(text.value, file, options)
    rules.push(...found.rules)
    options = found.global
    for (const included of found.includes.flatMap(expandGlob))
      if (!/(~|\.(bak|dpkg-\w+|rpm\w+|swp|disabled|old|orig))$/.test(included)) read(included)
  }
  const main = readSmall(path)
  if (!main.ok) throw new Error(`${path}: ${main.problem}`)
  read(path)
  return rules
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
