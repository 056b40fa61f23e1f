import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { kindOf, NOTICES, noticeText, occurrenceOf, say } from '../../../src/core/notification/notices.ts'

const SINCE = '2026-01-02T03:04:05.678Z'
const texts: { event: string; fields: Record<string, unknown>; text: string }[] = [
  {
    event: 'address.blocked',
    fields: { ip: '192.0.2.1', reason: 'high-score', score: 9.5, threat_count: 1, rules: ['942100', 'x; rm'], step: 1, expires_at: SINCE },
    text: "192.0.2.1 is blocked until 2026-01-02 03:04 UTC: one request scored 9.5 of 10, rules 942100. Why: 'modwarden explain 192.0.2.1'. No attack? 'modwarden unblock 192.0.2.1'",
  },
  {
    event: 'address.blocked',
    fields: { ip: '2001:db8::/64', reason: 'too-many', score: 5.5, threat_count: 11, rules: [], step: 3, expires_at: null, proxied: true },
    text: "2001:db8::/64 is blocked for ever, for the 3. time (it comes through a proxy: the scoring server refuses it): it made 11 threats. Why: 'modwarden explain 2001:db8::/64'. No attack? 'modwarden unblock 2001:db8::/64'",
  },
  {
    event: 'addresses.blocked',
    fields: { number: 50 },
    text: "50 more addresses were blocked within a second. To do: look at 'modwarden blocks'",
  },
  {
    event: 'firewall.repaired',
    fields: { drift: 'IPv4: the chain is missing' },
    text: 'somebody else changed the firewall, and it was put right (IPv4: the chain is missing). To do: find out who flushes or reloads the firewall',
  },
  {
    event: 'database.failed',
    fields: { problem: 'database is locked', since: SINCE },
    text: "the database takes nothing since 2026-01-02 03:04 UTC: database is locked. The log waits and nothing of it is lost, but nobody new is blocked. To do: look at 'modwarden status'",
  },
  {
    event: 'log.recovered',
    fields: { about: '/var/log/audit.log', after_seconds: 300 },
    text: 'an audit log is followed again (/var/log/audit.log), after 5 min',
  },
  {
    event: 'log.silent',
    fields: {
      log: '/var/log/audit.log',
      why: 'no-entry',
      since: SINCE,
      problem: 'no entry for 3 h, where 20 min are usual',
      remedy: 'systemctl status apache2',
    },
    text: '/var/log/audit.log: no entry for 3 h, where 20 min are usual. To do: systemctl status apache2',
  },
  {
    event: 'log.heard',
    fields: { log: '/var/log/audit.log', why: 'no-entry', after_seconds: 7200 },
    text: '/var/log/audit.log is heard of again, after 2 h',
  },
  {
    event: 'brake.engaged',
    fields: { paused_at: SINCE, addresses: 21, clients: 100, usual: 2, model: 'v7' },
    text: "automatic blocking is paused since 2026-01-02 03:04 UTC: the model or the rules alone would have blocked 21 of 100 addresses within an hour, usual are at most 2 (model v7). Standing blocks stay. To do: look at 'modwarden blocks', roll the model or the rules back, then (or if all is right) 'modwarden resume'",
  },
  {
    event: 'model.judged',
    fields: { model_status: 'too_sensitive', reason: '40 % score high', drifted: true },
    text: "the model does not fit the traffic (too sensitive, drifted): 40 % score high. To do: 'modwarden report' says what",
  },
  {
    event: 'model.judged',
    fields: { model_status: 'normal', reason: 'fine', drifted: false },
    text: 'the model fits the traffic again: fine',
  },
]
for (const { event, fields, text } of texts)
  test(`${event} is told in plain words: ${text.slice(0, 40)}`, () => assert.equal(noticeText(event, fields), text))

test('whatever stands in a line, the text is one line of printable ASCII that marks up and addresses nothing', () => {
  const hostile = '<!channel> <script>alert(1)</script> @everyone `x` & \u001b[31m\n\u202e'.repeat(40)
  const names = ['ip', 'reason', 'score', 'threat_count', 'rules', 'step', 'expires_at', 'note', 'problem', 'since', 'about', 'drift', 'kept', 'kept_as'] // biome-ignore format: a list
  const more = ['number', 'model', 'model_status', 'addresses', 'clients', 'usual', 'paused_at', 'armed_at', 'after_seconds']
  for (const value of [hostile, [hostile], { a: hostile }, null, undefined, -0]) {
    const fields = Object.fromEntries([...names, ...more].map(name => [name, value]))
    for (const event of [...Object.keys(NOTICES), hostile, '__proto__', 'constructor']) {
      assert.match(noticeText(event, fields), /^[\x20-\x7e]{1,1000}$/, event)
      assert.doesNotMatch(noticeText(event, fields), /[<>&@`]/, event)
    }
  }
})

test('only what stands in the table is told', () => {
  assert.equal(kindOf('firewall.repaired'), 'repair')
  for (const event of ['threat.counted', 'outbox.failed', 'constructor', '__proto__', '']) assert.equal(kindOf(event), undefined)
})

test('a failure that goes on is one occurrence, the next failure another', () => {
  const first = occurrenceOf('log.failed', { about: '/a', since: SINCE, problem: 'x' })
  assert.equal(first, occurrenceOf('log.failed', { about: '/a', since: SINCE, problem: 'y' }))
  assert.notEqual(first, occurrenceOf('log.failed', { about: '/a', since: '2026-01-02T04:00:00.000Z' }))
  assert.equal(occurrenceOf('address.blocked', {}), undefined)
})

test('the manual lists every event that is told, and the events are those of the journal', () => {
  const page = readFileSync(new URL('../../../docs/notifications.md', import.meta.url), 'utf8')
  const journal = readFileSync(new URL('../../../docs/operate.md', import.meta.url), 'utf8')
  for (const [event, { kind }] of Object.entries(NOTICES)) {
    assert.ok(
      page.split('\n').some(line => line.startsWith(`| \`${kind}\` |`) && line.includes(`\`${event}\``)),
      `${event} in docs/notifications.md`,
    )
    assert.ok(journal.includes(`\`${event}\``), `${event} in docs/operate.md`)
  }
})

test('say writes numbers and cuts texts', () => {
  assert.deepEqual([say(9.5), say(undefined), say('x'.repeat(300)).length], ['9.5', '?', 200])
})
