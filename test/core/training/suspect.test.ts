import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSuspectEvent, isSuspectStatus } from '../../../src/core/training/suspect.ts'
import type { AuditEvent } from '../../../src/core/types.ts'

const CLEAN: AuditEvent = {
  id: 'x',
  at: 0,
  ip: '203.0.113.7',
  port: 1,
  request: undefined,
  status: 200,
  matches: [],
  inboundScore: undefined,
  loggedScore: undefined,
  intercepted: false,
  format: 'v3-json',
}
const match = (id: string, severity: string) => [{ id, severity, message: '', data: '' }]

for (const { name, event = {}, trust = 'full', expected } of [
  { name: 'an ordinary transaction', expected: false },
  { name: 'low trust', trust: 'low', expected: true },
  { name: 'denied', event: { intercepted: true }, expected: true },
  { name: 'a critical match', event: { matches: match('942100', 'CRITICAL') }, expected: true },
  { name: 'a warning', event: { matches: match('920350', 'WARNING') }, expected: true },
  { name: 'a notice', event: { matches: match('920320', 'NOTICE') }, expected: false },
  { name: 'a rule without a severity', event: { matches: match('942100', '') }, expected: false },
  { name: 'the critical word of a detector', event: { matches: match('100004', 'CRITICAL') }, expected: false },
  { name: "the critical word of the plugin's", event: { matches: match('9516110', 'CRITICAL') }, expected: false },
  { name: 'a rule with a longer number', event: { matches: match('1000041', 'CRITICAL') }, expected: true },
  { name: 'a detector and a rule', event: { matches: [...match('100004', 'CRITICAL'), ...match('942100', 'ERROR')] }, expected: true },
  { name: 'an anomaly score of 5', event: { inboundScore: 5 }, expected: true },
  { name: 'an anomaly score of 4', event: { inboundScore: 4 }, expected: false },
  { name: 'a logged score of 5', event: { loggedScore: 5 }, expected: true },
  { name: 'a logged score of 4.99', event: { loggedScore: 4.99 }, expected: false },
] as { name: string; event?: Partial<AuditEvent>; trust?: 'full' | 'low'; expected: boolean }[]) {
  test(`${name} is ${expected ? 'suspect' : 'no reason to suspect'}`, () =>
    assert.equal(isSuspectEvent({ ...CLEAN, ...event }, trust), expected))
}

test('of an access log, what was refused is suspect', () => {
  const suspect = [undefined, 200, 301, 400, 401, 403, 404, 406, 444, 500].filter(isSuspectStatus)
  assert.deepEqual(suspect, [400, 403, 406, 444])
})
