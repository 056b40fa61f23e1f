import type { RuleMatch } from '../types.ts'

/** Tells whether libmodsecurity 3 denied a request, whose JSON has no field for it, from the status and the rules that matched; the engine is one that
 *  may deny. The rules that sum up deny with any status of an error. Any other rule must have been able to deny with the two usual codes: else it is
 *  the application that refused. */
export function seemsDenied(status: number | undefined, matches: readonly RuleMatch[]): boolean {
  if (status === undefined || status < 400) return false
  if (matches.some(({ id }) => SUMS_UP.test(id))) return true
  if (status !== 403 && status !== 400) return false
  const isAlone = matches.filter(({ id }) => CRS.test(id)).length === 1
  return matches.some(({ id, severity }) => {
    if (PASSES.test(id) || MILD.includes(severity)) return false
    // What the CRS finds is summed up by default, where one critical match is enough: without a sum it denied by itself, and nothing came behind it.
    return !CRS.test(id) || (isAlone && (severity === 'CRITICAL' || severity === ''))
  })
}

/** Of the CRS (949110, 959100 and the like) and of the plugin. */
const SUMS_UP = /^(?:9[45]9\d{3}|9516(?:170|320|330|340))$/
const CRS = /^9[0-7]\d{4}$/
/** What only tells: all other rules of the plugin and of the how-to, and the sums that the CRS logs in the end. */
const PASSES = /^(?:9516\d{3}|10000[357]|980\d{3})$/
const MILD = ['NOTICE', 'INFO', 'DEBUG']
