import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readProcessAccount } from '../../core/doctor/accounts.ts'
import type { HeldFile, WebServers } from '../../core/doctor/facts.ts'
import { readSmall } from './small-file.ts'

const WEB_SERVERS: ReadonlySet<string> = new Set(['nginx', 'apache2', 'httpd', 'openresty', 'angie'])
const MOST_PROCESSES = 64
/** Logs are opened at the start, so their descriptors have low numbers. */
const MOST_DESCRIPTORS = 256
const WRITES = 0o3

type Process = WebServers['running'][number] & { folder: string; parent: number }

/** Looks for running web servers, and for what they hold open under the names of some logs, or beside them. Throws when nobody lets us look. */
export function findServers(proc: string, logs: readonly string[], userName: (uid: number) => string): WebServers {
  const all = readdirSync(proc)
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => readProcess(join(proc, name), Number(name), userName))
  const pids = new Set(all.map(({ pid }) => pid))
  const processes = all.map(process => ({ ...process, isMaster: !pids.has(process.parent) })).slice(0, MOST_PROCESSES)
  const held = processes.flatMap(process => heldBy(process, logs))
  return { running: processes.map(({ pid, program, account, isMaster }) => ({ pid, program, account, isMaster })), held }
}

/** The configuration files that running web servers were started with; only what root started is believed. */
export function startedWith(proc: string, { running }: WebServers): { server: 'apache' | 'nginx'; file: string }[] {
  return running.flatMap(({ pid, program, account, isMaster }) => {
    const line = isMaster && account.uid === 0 ? readSmall(join(proc, String(pid), 'cmdline')) : undefined
    if (line?.ok !== true) return []
    const isApache = program === 'apache2' || program === 'httpd'
    // The title of an nginx master is one text with blanks.
    const words = line.value.split(isApache ? '\0' : /[\0 ]+/)
    const file = words[words.indexOf(isApache ? '-f' : '-c') + 1]
    return words.includes(isApache ? '-f' : '-c') && file?.startsWith('/') ? [{ server: isApache ? 'apache' : 'nginx', file }] : []
  })
}

function readProcess(folder: string, pid: number, userName: (uid: number) => string): Process[] {
  const comm = readSmall(join(folder, 'comm'))
  const program = comm.ok ? comm.value.trim() : ''
  const status = WEB_SERVERS.has(program) ? readSmall(join(folder, 'status')) : undefined
  const account = status?.ok ? readProcessAccount(status.value) : undefined
  if (status?.ok !== true || account === undefined) return []
  const parent = Number(/^PPid:\s*(\d+)$/m.exec(status.value)?.[1] ?? 0)
  return [{ pid, program, folder, parent, account: { name: userName(account.uid), ...account }, isMaster: false }]
}

function heldBy({ pid, program, folder }: Process, logs: readonly string[]): HeldFile[] {
  const numbers = descriptorsOf(folder)
  const targets = inodesOf(logs)
  return numbers.flatMap(number => {
    const fd = join(folder, 'fd', String(number))
    try {
      const link = readlinkSync(fd)
      const path = link.replace(/ \(deleted\)$/, '')
      if (!path.startsWith('/') || path.startsWith('/dev/')) return []
      const isNamed = logs.some(log => path === log || path.startsWith(`${log}.`) || path.startsWith(`${log}-`))
      const file = statSync(fd, { bigint: true })
      const [device, inode] = [String(file.dev), String(file.ino)]
      // In a container the same file has another name.
      if (!file.isFile() || !(isNamed || targets.has(`${device}:${inode}`)) || !isWritten(folder, number)) return []
      return [{ pid, program, path, isDeleted: link !== path, device, inode, size: Number(file.size) }]
    } catch {
      return []
    }
  })
}

function descriptorsOf(folder: string): number[] {
  try {
    const numbers = readdirSync(join(folder, 'fd')).map(Number)
    return numbers.sort((a, b) => a - b).slice(0, MOST_DESCRIPTORS)
  } catch (error) {
    // A worker may end while it is looked at, as at every reload.
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return []
    throw error
  }
}

function isWritten(folder: string, number: number): boolean {
  const info = readSmall(join(folder, 'fdinfo', String(number)))
  return info.ok && (Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(info.value)?.[1] ?? '0', 8) & WRITES) !== 0
}

function inodesOf(logs: readonly string[]): Set<string> {
  return new Set(
    logs.flatMap(log => {
      const file = statSync(log, { bigint: true, throwIfNoEntry: false })
      return file === undefined ? [] : [`${file.dev}:${file.ino}`]
    }),
  )
}
