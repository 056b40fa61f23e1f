import assert from 'node:assert/strict'
import { CHECKS } from '../src/core/doctor/checks.ts'
import type { Facts, Parts } from '../src/core/doctor/facts.ts'
import { examine, type Finding } from '../src/core/doctor/finding.ts'
import { parseSettings, type Settings } from '../src/core/settings.ts'

const NAMES: readonly (keyof Parts)[] = [
  'settings',
  'units',
  'daemon',
  'process',
  'programs',
  'logs',
  'web',
  'servers',
  'rotation',
  'firewall',
  'database',
  'model',
  'webUser',
]

/** Settings from values as a file has them. */
export function settingsOf(values: Record<string, unknown> = {}): Settings {
  const settings = parseSettings([{ name: 'test', values }])
  assert.ok(settings.ok)
  return settings.value
}

/** Facts of which only these parts were looked at. */
export function factsOf(
  parts: Partial<Parts>,
  more: Partial<Pick<Facts, 'now' | 'names' | 'serviceUser' | 'serviceGroups' | 'settingsFolder'>> = {},
): Facts {
  const looked = NAMES.map(name => [name, name in parts ? { ok: true, value: parts[name] } : { ok: false, problem: 'not looked at' }])
  return {
    ...(Object.fromEntries(looked) as { [P in keyof Parts]: Facts[P] }),
    now: Date.now(),
    serviceUser: 'modwarden',
    serviceGroups: [4],
    names: { user: uid => (uid === 0 ? 'root' : String(uid)), group: gid => (gid === 4 ? 'adm' : gid === 0 ? 'root' : String(gid)) },
    settingsFolder: '/etc/modwarden/conf.d',
    ...more,
  }
}

/** What one check says of facts. */
export function judge(id: string, parts: Partial<Parts>, more: Parameters<typeof factsOf>[1] = {}): Finding[] {
  const checks = CHECKS.filter(check => check.id === id)
  assert.equal(checks.length, 1, `there is one check ${id}`)
  return examine(checks, factsOf({ settings: settingsOf(), ...parts }, more))
}

/** What one check says of facts about which it has one thing to say. */
export function judgeOne(id: string, parts: Partial<Parts>, more: Parameters<typeof factsOf>[1] = {}): Finding {
  const findings = judge(id, parts, more)
  assert.equal(findings.length, 1, JSON.stringify(findings))
  return findings[0]!
}
