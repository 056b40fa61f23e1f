import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'

assert.equal(process.env.WITH_SYSTEMD, '1', 'only inside the container')

/** Where the package puts its units, and where an administrator puts what changes them. */
export const UNITS = '/usr/lib/systemd/system'
export const OVERRIDES = '/etc/systemd/system'
/** The package under test. */
export const DEB = '/opt/modwarden.deb'

export const out = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
export const status = (program: string, ...args: string[]): number | null => spawnSync(program, args, { stdio: 'ignore' }).status
export const property = (unit: string, name: string): string => out('systemctl', 'show', unit, '--value', '-p', name).trim()
export const isActive = (unit: string): boolean => property(unit, 'ActiveState') === 'active'

/** The units of a kind that the package brought, whichever they are. */
export function unitsOf(kind: 'service' | 'timer'): string[] {
  return readdirSync(UNITS).filter(name => name.startsWith('modwarden') && name.endsWith(`.${kind}`))
}

/** What the journal has of a unit since it began, one event a line. */
export function journal(unit: string): Record<string, unknown>[] {
  return out('journalctl', '-b', '-u', unit, '-o', 'cat', '--no-pager')
    .split('\n')
    .flatMap(line => (line.startsWith('{') ? [JSON.parse(line) as Record<string, unknown>] : []))
}

/** All rules in the kernel, of whatever kind. */
export const rules = (): string => [out('nft', 'list', 'ruleset'), out('iptables', '-S'), out('ip6tables', '-S')].join('\n')
/** Whether the kernel drops an address, by whichever backend. */
export const isDropped = (ip: string): boolean => rules().includes(ip)
