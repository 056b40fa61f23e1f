import { type Evidence, judge, type Policy } from './policy.ts'

/** Says whether the threats that are left of an address would still block it, each judged with all of them counted. */
export function stillBlocks(threats: readonly Evidence[], events: number, policy: Policy): boolean {
  const counts = { events, threats: threats.length, denied: threats.filter(threat => threat.intercepted).length }
  return threats.some(threat => judge(threat, counts, policy).action === 'block')
}
