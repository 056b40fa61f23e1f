import type { RuleMatch } from '../types.ts'

const INBOUND = [
  { id: '949110', pattern: /^Inbound Anomaly Score Exceeded \(Total Score: (\d{1,6}(?:\.\d{1,6})?)\)/ },
  { id: '980130', pattern: /^Inbound Anomaly Score Exceeded \(Total Inbound Score: (\d{1,6}(?:\.\d{1,6})?) - / },
]

const PLUGIN = /^ML model status: -?\d{1,6}\. ML model anomaly score: (\d{1,6}(?:\.\d{1,6})?)\. /

// The data of these rules begins with text that the rule itself writes; behind it stands what a client sent.
const LOGGED = new Map([
  ['100003', /^ML Anomaly Score: (\d{1,6}(?:\.\d{1,6})?)$/],
  ['100004', /^ML Score: (\d{1,6}(?:\.\d{1,6})?)(?:, Request: |$)/],
  ['100005', /^ML Score: (\d{1,6}(?:\.\d{1,6})?)(?:, Request: |$)/],
  ['100007', /^Learning: ML Score (\d{1,6}(?:\.\d{1,6})?), URI: /],
  ['9516210', PLUGIN],
  ['95161310', PLUGIN],
  ['9516320', PLUGIN],
])

/** Our own rules, the how-to's and the plugin's, also those that log no score. */
const DETECTOR_RULE = /^(?:10000[1-7]|9516\d{3,4})$/

/** Tells whether a rule belongs to a detector's rule set: what it says is the detector's opinion, not that of the WAF's rules. */
export function isDetectorRule(id: string): boolean {
  return DETECTOR_RULE.test(id)
}

/** Gives the anomaly score that the Core Rule Set's own blocking or reporting rule logged. */
export function inboundScore(matches: readonly RuleMatch[]): number | undefined {
  for (const { id, pattern } of INBOUND)
    for (const match of matches) {
      const found = match.id === id ? pattern.exec(match.message) : null
      if (found) return Number(found[1])
    }
  return undefined
}

/** Gives the highest score, 0 to 10, that a detector's rule logged. */
export function loggedScore(matches: readonly RuleMatch[]): number | undefined {
  let highest: number | undefined
  for (const { id, data } of matches) {
    const found = LOGGED.get(id)?.exec(data)
    if (found) highest = Math.max(highest ?? 0, Math.min(10, Number(found[1])))
  }
  return highest
}

/** Says whether a rule only writes down the score of a detector, and so says nothing of its own about the request. */
export function isScoreRule(id: string): boolean {
  return LOGGED.has(id)
}
