import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatBytes, judgeProtection } from '../../../src/core/status/protection.ts'
import type { StatusFacts } from '../../../src/core/status/status.ts'
import { ago, BRAKE, DEAD, FINE, LOG, NOW, silence } from './facts.ts'

const OTHER = { ...LOG, path: '/var/log/other.log' }
const mode2 = [{ log: LOG.path, modes: [{ mode: 2 as const, last_seen_at: ago(9), can_let_through: true }], last_score_at: null }]
const START = 'systemctl start modwarden'
const RESTART = 'systemctl restart modwarden'

/** What is changed of a daemon that does all it should; the verdict, and the remedies in their order. */
const cases: [string, Partial<StatusFacts>, string, (string | null)[]][] = [
  ['all is well', {}, 'Protected for 3 d: 12 addresses dropped by nftables', []],
  ['one address', { active_blocks: 1 }, 'Protected for 3 d: 1 address dropped by nftables', []],
  ['nobody is blocked', { active_blocks: 0 }, 'Protected for 3 d: no address is blocked right now (nftables)', []],
  ['some behind a proxy', { proxied_blocks: 5 }, 'Protected for 3 d: 7 addresses dropped by nftables and 5 refused behind a proxy', []],
  [
    'right after the start',
    { sound_since: ago(2), started_at: ago(2), last_entry_at: null, active_blocks: 0 },
    'Protected for 2 s: no address is blocked right now (nftables)',
    [],
  ],
  ['it never ran', { ...DEAD, alive_at: null }, 'NOT protected: the daemon has not run yet', ['systemctl enable --now modwarden']],
  ['stopped', { ...DEAD, stopped_at: ago(60) }, 'NOT protected: the daemon was stopped 1 min ago', [START]],
  [
    'killed',
    { ...DEAD, alive_at: ago(180) },
    'NOT protected: the daemon died 3 min ago',
    [`${RESTART}; journalctl -u modwarden -p warning -o cat -n 20`],
  ],
  ['it hangs', { responding: false, alive_at: ago(40) }, 'NOT protected: the daemon hangs (pid 812): no sign of life for 40 s', [RESTART]],
  [
    'observing',
    { mode: 'observe', settings_mode: 'observe' },
    'NOT protected: only observing (mode = "observe")',
    ['modwarden observed   # who would be blocked, and how to go on'],
  ],
  [
    'observing, not restarted yet',
    { mode: 'observe' },
    'NOT protected: only observing, although the settings say mode = "enforce"',
    [RESTART],
  ],
  ['dry run by hand', { firewall_backend: 'dry-run' }, 'NOT protected: dry run: the firewall is not touched', [START]],
  [
    'dry run by setting',
    { settings_firewall: 'dry-run', firewall_backend: 'dry-run' },
    'NOT protected: dry run: the firewall is not touched',
    ['set firewall = "auto" in the settings, then: systemctl restart modwarden'],
  ],
  [
    'the firewall fails',
    { firewall_problem: 'lock', pending_blocks: 2, pending_since: ago(1) },
    'NOT protected: the firewall takes no changes',
    ['journalctl -u modwarden -p warning -o cat -n 20'],
  ],
  [
    'the database fails',
    { database_problem: 'full' },
    'NOT protected: the database takes nothing, and the log waits for it',
    ['journalctl -u modwarden -p warning -o cat -n 20'],
  ],
  ['a block on its way', { pending_blocks: 1, pending_since: ago(10) }, 'Protected for 3 d: 12 addresses dropped by nftables', []],
  [
    'a block that does not get there',
    { pending_blocks: 1, pending_since: ago(11) },
    'Partly protected: 1 block waits for the firewall for 11 s',
    ['journalctl -u modwarden -p warning -o cat -n 20'],
  ],
  [
    'the log is missing',
    { logs: [{ ...LOG, problem: 'gone' }] },
    'NOT protected: /var/log/modsecurity/audit.log is not followed',
    ['modwarden doctor'],
  ],
  [
    'one of two logs is missing',
    { logs: [{ ...LOG, problem: 'gone' }, OTHER] },
    'Partly protected: /var/log/modsecurity/audit.log is not followed',
    ['modwarden doctor'],
  ],
  [
    'nothing can be read',
    { logs: [{ ...LOG, silence: silence('no-event') }] },
    'NOT protected: /var/log/modsecurity/audit.log cannot be read any more',
    ['modwarden doctor'],
  ],
  [
    'neither of two logs',
    {
      logs: [
        { ...LOG, silence: silence('no-event') },
        { ...OTHER, problem: 'gone' },
      ],
    },
    'NOT protected: /var/log/modsecurity/audit.log cannot be read any more',
    ['modwarden doctor', 'modwarden doctor'],
  ],
  [
    'the log was never there',
    { logs: [{ ...LOG, missing: true, offset: null }] },
    'NOT protected: /var/log/modsecurity/audit.log is not there yet',
    ['modwarden doctor'],
  ],
  [
    'the log has no name any more',
    { logs: [{ ...LOG, missing: true }] },
    'Partly protected: /var/log/modsecurity/audit.log is not there any more',
    ['systemctl reload apache2   # or nginx: it then writes to a new one'],
  ],
  [
    'no entry comes',
    { logs: [{ ...LOG, silence: silence('no-entry') }] },
    'Partly protected: /var/log/modsecurity/audit.log: no entry comes',
    ['modwarden doctor'],
  ],
  [
    'another shape',
    { logs: [{ ...LOG, silence: silence('shape') }] },
    'Partly protected: /var/log/modsecurity/audit.log: its entries have changed',
    ['modwarden doctor'],
  ],
  [
    'behind by a minute',
    { logs: [{ ...LOG, lag_bytes: 13e6, lag_seconds: 60 }] },
    'Partly protected: 1 min behind: 12.4 MiB of /var/log/modsecurity/audit.log are still to be read',
    [null],
  ],
  [
    'times of another zone',
    { logs: [{ ...LOG, late_seconds: 7200 }] },
    'NOT protected: nothing in /var/log/modsecurity/audit.log starts a block: its times are 2 h behind the clock',
    ['modwarden doctor'],
  ],
  [
    'times of another zone in one of two logs',
    { logs: [LOG, { ...LOG, path: '/b', late_seconds: 7200 }] },
    'Partly protected: nothing in /b starts a block: its times are 2 h behind the clock',
    ['modwarden doctor'],
  ],
  ['behind by less', { logs: [{ ...LOG, lag_bytes: 13e6, lag_seconds: 59 }] }, 'Protected for 3 d: 12 addresses dropped by nftables', []],
  [
    'the brake',
    { brake: BRAKE },
    'Partly protected: automatic blocking is PAUSED for 10 min (the brake)',
    ['modwarden blocks; then, if all is right: modwarden resume'],
  ],
  [
    'the denied file',
    { denied_file_problem: 'full' },
    'Partly protected: who is blocked behind a proxy is not refused',
    ['journalctl -u modwarden -p warning -o cat -n 20'],
  ],
  ['some reasons observed', { observe_reasons: ['repeated'] }, 'Partly protected: only observing repeated', ['modwarden observed']],
  [
    'all reasons observed',
    { observe_reasons: ['high-score', 'repeated', 'too-many'] },
    'NOT protected: nothing is blocked by itself: every reason is only observed',
    ['modwarden observed'],
  ],
  [
    'no entry for ten minutes after the start',
    { started_at: ago(601), last_entry_at: null },
    'Partly protected: no entry has come out of the log yet',
    ['modwarden doctor'],
  ],
  ['none yet, just started', { started_at: ago(600), last_entry_at: null }, 'Protected for 3 d: 12 addresses dropped by nftables', []],
  [
    'a model that does not fit',
    { model_health: { ...FINE.model_health, drifted: true } },
    'Protected for 3 d: 12 addresses dropped by nftables',
    ['modwarden report'],
  ],
  ['a plugin that may let through', { inline_scoring: mode2 }, 'Protected for 3 d: 12 addresses dropped by nftables', [null]],
  ['blocks make room', { active_blocks: 100_000, evicted_blocks: 3 }, 'Protected for 3 d: 100000 addresses dropped by nftables', [null]],
  [
    'what is broken comes first',
    { brake: BRAKE, inline_scoring: mode2, database_problem: 'full' },
    'NOT protected: the database takes nothing, and the log waits for it',
    ['journalctl -u modwarden -p warning -o cat -n 20', 'modwarden blocks; then, if all is right: modwarden resume', null],
  ],
  [
    'a dead daemon has no other problems',
    { ...DEAD, stopped_at: ago(60), brake: BRAKE, database_problem: 'full' },
    'NOT protected: the daemon was stopped 1 min ago',
    [START],
  ],
]
for (const [name, facts, verdict, remedies] of cases)
  test(`protection: ${name}`, () => {
    const found = judgeProtection({ ...FINE, ...facts }, NOW)
    assert.equal(found.verdict, verdict)
    assert.deepEqual(
      found.problems.map(({ remedy }) => remedy),
      remedies,
    )
    const expected = verdict.startsWith('NOT') ? 'unprotected' : verdict.startsWith('Partly') ? 'partly' : 'protected'
    assert.equal(found.protection, expected)
    assert.equal(found.protected_since !== null, expected === 'protected')
  })

test('whatever else holds, it is protected only where the daemon runs, answers, enforces, and nothing is broken', () => {
  const some = fc.option(fc.constant('a problem'), { nil: null })
  const facts = fc.record({
    running: fc.boolean(),
    responding: fc.boolean(),
    mode: fc.constantFrom('enforce' as const, 'observe' as const),
    firewall_backend: fc.constantFrom('iptables', 'nftables', 'dry-run'),
    firewall_problem: some,
    database_problem: some,
    brake: fc.constantFrom(null, BRAKE),
    logs: fc.array(fc.constantFrom(LOG, { ...LOG, problem: 'gone' }, { ...LOG, silence: silence('no-event') }), {
      minLength: 1,
      maxLength: 3,
    }),
    observe_reasons: fc.subarray(['high-score', 'repeated', 'too-many']),
  })
  fc.assert(
    fc.property(facts, changed => {
      const all = { ...FINE, ...changed }
      const isFine =
        all.running &&
        all.responding &&
        all.mode === 'enforce' &&
        all.firewall_backend !== 'dry-run' &&
        all.firewall_problem === null &&
        all.database_problem === null &&
        all.brake === null &&
        all.observe_reasons.length === 0 &&
        all.logs.every(log => log === LOG)
      const found = judgeProtection(all, NOW)
      assert.equal(found.protection === 'protected', isFine)
      assert.equal(found.problems.length > 0, !isFine)
    }),
    { numRuns: 500 },
  )
})

test('bytes in the unit that fits', () =>
  assert.deepEqual([0, 1023, 1024, 1024 ** 2].map(formatBytes), ['0 B', '1023 B', '1 KiB', '1.0 MiB']))
