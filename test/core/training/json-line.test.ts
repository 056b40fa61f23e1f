import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readRequestLine, readTime } from '../../../src/core/training/json-line.ts'

const AT = Date.UTC(2026, 10, 25, 12, 30, 15)

for (const { name, value, expected } of [
  { name: 'ISO 8601 in UTC', value: '2026-11-25T12:30:15Z', expected: AT },
  { name: 'ISO 8601 with a zone', value: '2026-11-25T14:30:15.250+02:00', expected: AT + 250 },
  { name: 'ISO 8601 without a zone, which is UTC', value: '2026-11-25 12:30:15', expected: AT },
  { name: 'seconds', value: AT / 1000, expected: AT },
  { name: 'seconds with a fraction', value: AT / 1000 + 0.5, expected: AT + 500 },
  { name: 'milliseconds', value: AT, expected: AT },
  { name: 'microseconds', value: AT * 1000, expected: AT },
  { name: 'nanoseconds', value: AT * 1e6, expected: AT },
  { name: 'digits in a string', value: String(AT / 1000), expected: AT },
  { name: 'a day that is none', value: '2026-13-45T12:30:15Z', expected: undefined },
  { name: 'words', value: 'yesterday', expected: undefined },
  { name: 'a number below 1970', value: -1, expected: undefined },
  { name: 'infinity', value: Number.POSITIVE_INFINITY, expected: undefined },
  { name: 'no number', value: Number.NaN, expected: undefined },
  { name: 'a number beyond every time', value: 1e300, expected: undefined },
  { name: 'an object', value: {}, expected: undefined },
]) {
  test(`a time is read: ${name}`, () => assert.equal(readTime(value), expected))
}

for (const { name, fields, labels } of [
  { name: 'nothing', fields: {}, labels: {} },
  { name: 'a clean one', fields: { label: 0 }, labels: { label: 0 } },
  { name: 'an attack', fields: { label: 1, attack: 'xss', graft: 'hdr:Cookie' }, labels: { label: 1, attack: 'xss', graft: 'hdr:Cookie' } },
  { name: 'true and false', fields: { label: true }, labels: { label: 1 } },
  { name: 'labels as text', fields: { label: '1' }, labels: { label: 1 } },
  { name: 'a clean one as text', fields: { label: '0' }, labels: { label: 0 } },
  { name: 'labels that are none', fields: { label: 'xss', attack: 5, graft: '' }, labels: {} },
  { name: 'when and who', fields: { timestamp: AT, ip: '::ffff:203.0.113.7' }, labels: { at: AT, ip: '203.0.113.7' } },
  { name: 'at before timestamp', fields: { at: AT, timestamp: 5 }, labels: { at: AT } },
  { name: 'an address that is none', fields: { ip: '203.0.113', at: null }, labels: {} },
  { name: 'a long name', fields: { attack: 'a'.repeat(100) }, labels: { attack: 'a'.repeat(64) } },
]) {
  test(`what a line of JSON says beside the request: ${name}`, () => {
    const read = readRequestLine(JSON.stringify({ uri: '/', ...fields }))
    assert.ok(read.ok)
    assert.deepEqual([read.value.request.uri, read.value.labels], ['/', labels])
  })
}

for (const { label, isClear } of [
  ...[undefined, null, 0, 1, true, false, '0', '1'].map(label => ({ label, isClear: true })),
  ...[2, -1, 0.5, '', 'attack', 'benign', [1], { is: 1 }].map(label => ({ label, isClear: false })),
])
  test(`whether it is clear what a label means: ${JSON.stringify(label)}`, () => {
    const read = readRequestLine(JSON.stringify({ uri: '/', label }))
    assert.equal(read.ok && read.value.isLabelClear, isClear)
  })

for (const line of ['', 'nonsense', '[]', '5', 'null', '{"uri":5}', '{"uri":"/"', '\0']) {
  test(`a line that is no request is a problem: ${JSON.stringify(line)}`, () => assert.equal(readRequestLine(line).ok, false))
}
