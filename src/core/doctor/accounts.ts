import type { Account } from './facts.ts'

/** Reads who a process runs as from `/proc/PID/status`; its name is not told there. */
export function readProcessAccount(status: string): Omit<Account, 'name'> | undefined {
  const numbers = (field: string) => {
    const [, text] = new RegExp(`^${field}:[ \\t]*(.*)$`, 'm').exec(status) ?? []
    return text
      ?.split(/\s+/)
      .filter(word => word !== '')
      .map(Number)
  }
  const [uid, gid, groups] = [numbers('Uid')?.[1], numbers('Gid')?.[1], numbers('Groups')]
  return uid === undefined || gid === undefined ? undefined : { uid, gid, groups: groups ?? [] }
}

/** Reads the capabilities that a process has in force, as a set of bits. */
export function readCapabilities(status: string): bigint {
  return BigInt(`0x${/^CapEff:\s*([0-9a-f]{1,16})$/m.exec(status)?.[1] ?? '0'}`)
}

/** Finds a user in the texts of `/etc/passwd` and `/etc/group`, with every group that names it; `group` stands for its own one. */
export function findAccount(passwd: string, groups: string, user: string, group?: string): Account | undefined {
  const [, , uid, gid] = lineOf(passwd, user) ?? []
  if (uid === undefined || gid === undefined) return undefined
  const own = group === undefined ? Number(gid) : (groupNumber(groups, group) ?? Number(gid))
  const others = groups
    .split('\n')
    .map(line => line.split(':'))
    .filter(([, , , members = '']) => members.split(',').includes(user))
    .map(([, , number]) => Number(number))
  return { name: user, uid: Number(uid), gid: own, groups: [...new Set([own, ...others])] }
}

/** Gives the names of numbers; a number that has none stands for itself. */
export function createNames(text: string): (number: number) => string {
  const names = new Map(text.split('\n').map(line => [line.split(':')[2], line.split(':')[0]!] as const))
  return number => names.get(String(number)) ?? String(number)
}

function groupNumber(groups: string, group: string): number | undefined {
  const number = lineOf(groups, group)?.[2]
  return number === undefined ? undefined : Number(number)
}

function lineOf(text: string, name: string): string[] | undefined {
  return text
    .split('\n')
    .find(line => line.startsWith(`${name}:`))
    ?.split(':')
}
