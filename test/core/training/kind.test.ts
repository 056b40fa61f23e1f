import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { kindOf } from '../../../src/core/training/kind.ts'
import { v3Entry } from '../../entries.ts'
import { auditLog, CONCURRENT, SERIAL, WORSTCASE } from '../entry/corpus.ts'

const ACCESS = '203.0.113.7 - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 512 "-" "-"\n'
const REQUEST = '{"uri":"/","headers":{}}\n'

for (const { name, text, goesOn = false, kind } of [
  { name: 'nothing', text: '', kind: 'empty' },
  { name: 'blank lines', text: '\n \r\n\0\0\n', kind: 'empty' },
  { name: 'blank lines without an end', text: '\n \n', goesOn: true, kind: 'unknown' },
  { name: 'requests', text: REQUEST, kind: 'requests' },
  { name: 'requests behind a byte order mark', text: `\xef\xbb\xbf${REQUEST}`, kind: 'requests' },
  { name: 'requests behind lines that are none', text: `nonsense\n{"a":1}\n${REQUEST}`, kind: 'requests' },
  { name: 'one long request', text: `{"request_body":"${'a'.repeat(99)}`, goesOn: true, kind: 'requests' },
  { name: 'the same, cut short', text: `{"request_body":"${'a'.repeat(99)}`, kind: 'unknown' },
  { name: 'other JSON', text: '{"a":1}\n[1]\n"uri"\n', kind: 'unknown' },
  { name: 'an access log', text: ACCESS, kind: 'access-log' },
  { name: 'an access log that begins with garbage', text: `ent 1.0"\n203.0.113.7 - - x "-" 408\r\n${ACCESS}`, kind: 'access-log' },
  { name: 'an audit log', text: v3Entry({ ip: '203.0.113.7' }), kind: 'audit-log' },
  { name: 'an audit log with one long entry', text: v3Entry({ ip: '203.0.113.7' }).slice(0, 99), goesOn: true, kind: 'audit-log' },
  { name: 'an audit log cut within a body that looks like requests', text: `${REQUEST}${ACCESS}\n--26ef6e3e-A--\n[x`, kind: 'audit-log' },
  { name: 'text', text: 'Dear reader,\nthis is no log.\n', kind: 'unknown' },
  { name: 'a table', text: 'uri,method\n/,GET\n', kind: 'unknown' },
]) {
  test(`a file's beginning says what it holds: ${name}`, () => assert.equal(kindOf(Buffer.from(text, 'latin1'), goesOn), kind))
}

for (const name of [...SERIAL, ...WORSTCASE, ...CONCURRENT]) {
  const log = auditLog(name)
  test(`every real audit log is one: ${name}`, () => assert.equal(kindOf(log.subarray(0, 64 * 1024), log.length > 64 * 1024), 'audit-log'))
}

test('no bytes make it throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, goesOn) => void kindOf(Buffer.from(bytes), goesOn)))
})
