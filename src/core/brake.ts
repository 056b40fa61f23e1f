import { isDetectorRule } from './entry/scores.ts'
import type { Settings } from './settings.ts'
import type { RuleMatch } from './types.ts'

export type BrakePolicy = Pick<Settings, 'brakeAddresses' | 'brakeShare' | 'brakeFactor'>

/** Addresses blocked within the last hour on the word of one witness, all addresses seen in it, and the most that were blocked so in any hour
 *  of the last days. */
export type BrakeCounts = { blocked: number; clients: number; usual: number }

/** Rules of the Core Rule Set that only add up what others found. */
const SUM_RULE = /^(?:949|959|980)\d{3}$/
const SERIOUS = ['EMERGENCY', 'ALERT', 'CRITICAL', 'ERROR']

/** Says whether so many addresses would be blocked that the model or the rules must be wrong: more than a number, than a share of all addresses seen, and
 *  than a multiple of what is usual. A brake_addresses of 0 never says so. */
export function isTooMuch({ blocked, clients, usual }: BrakeCounts, { brakeAddresses, brakeShare, brakeFactor }: BrakePolicy): boolean {
  return brakeAddresses > 0 && blocked > brakeAddresses && blocked > brakeShare * clients && blocked > brakeFactor * usual
}

/** Says whether two witnesses that know nothing of each other agree about a request: the model finds it a threat, and the WAF denied it (or its anomaly score
 *  reached the threshold, where it only watches) for a serious rule of its own. A broken model or a broken rule set has only one of them; a
 *  flood of attacks has both. */
export function isCorroborated(
  evidence: { score: number; intercepted: boolean; inboundScore: number | undefined; matches: readonly RuleMatch[] },
  { threatScore }: Pick<Settings, 'threatScore'>,
): boolean {
  if (evidence.score <= threatScore || !(evidence.intercepted || evidence.inboundScore !== undefined)) return false
  return evidence.matches.some(({ id, severity }) => !isDetectorRule(id) && !SUM_RULE.test(id) && SERIOUS.includes(severity))
}
