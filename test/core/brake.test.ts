import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCorroborated, isTooMuch } from '../../src/core/brake.ts'

const policy = { brakeAddresses: 20, brakeShare: 0.05, brakeFactor: 3 }

const counts = [
  { name: 'twenty are not too many', blocked: 20, clients: 100, usual: 0, expected: false },
  { name: 'twenty-one of a hundred are', blocked: 21, clients: 100, usual: 0, expected: true },
  { name: 'just the share is not', blocked: 50, clients: 1000, usual: 0, expected: false },
  { name: 'above the share is', blocked: 51, clients: 1000, usual: 0, expected: true },
  { name: 'three times the usual is not', blocked: 60, clients: 100, usual: 20, expected: false },
  { name: 'above three times the usual is', blocked: 61, clients: 100, usual: 20, expected: true },
  { name: 'without a brake nothing is', blocked: 1000, clients: 1000, usual: 0, set: { brakeAddresses: 0 }, expected: false },
]
for (const { name, expected, set, ...found } of counts)
  test(`the brake: ${name}`, () => assert.equal(isTooMuch(found, { ...policy, ...set }), expected))

const rule = (id: string, severity = 'CRITICAL') => ({ id, severity, message: '', data: '' })
const sqli = rule('942100')
const agreed = { score: 9, intercepted: true, inboundScore: 5, matches: [sqli, rule('949110')] }
const witnesses = [
  { name: 'a denied attack that the model finds too', evidence: agreed, expected: true },
  { name: 'the same where the WAF only watches', evidence: { ...agreed, intercepted: false }, expected: true },
  { name: 'the same without a Core Rule Set', evidence: { ...agreed, inboundScore: undefined, matches: [rule('1001')] }, expected: true },
  { name: 'not what the model finds ordinary', evidence: { ...agreed, score: 5 }, expected: false },
  { name: 'not a rule below the threshold', evidence: { ...agreed, intercepted: false, inboundScore: undefined }, expected: false },
  { name: 'not the model alone', evidence: { ...agreed, intercepted: false, inboundScore: undefined, matches: [] }, expected: false },
  {
    name: "not a denial for the model's own rules",
    evidence: { ...agreed, matches: [rule('100004'), rule('9516210'), rule('949110')] },
    expected: false,
  },
  {
    name: 'not a denial for a trifle',
    evidence: { ...agreed, matches: [rule('920350', 'WARNING'), rule('100004'), rule('949110')] },
    expected: false,
  },
]
for (const { name, evidence, expected } of witnesses)
  test(`two witnesses: ${name}`, () => assert.equal(isCorroborated(evidence, { threatScore: 5 }), expected))
