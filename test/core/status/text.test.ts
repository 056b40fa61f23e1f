import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeProtection } from '../../../src/core/status/protection.ts'
import type { StatusFacts } from '../../../src/core/status/status.ts'
import { statusText } from '../../../src/core/status/text.ts'
import { ago, BRAKE, DEAD, FINE, LOG, NOW, silence } from './facts.ts'

const text = (facts: Partial<StatusFacts>) => {
  const all = { ...FINE, ...facts }
  return statusText({ ...all, ...judgeProtection(all, NOW) }, NOW)
}
const mode = (mode: 1 | 2 | 3) => ({ mode, last_seen_at: ago(mode), can_let_through: mode !== 3 })

test('all is well in a few rows', () => {
  assert.deepEqual(text({}), [
    'Protected for 3 d: 12 addresses dropped by nftables',
    '',
    'daemon      running for 4 d (pid 812, version 0.1.0)',
    'protection  enforcing; the firewall is in step (nftables)',
    'blocks      12 active',
    'threats     31 in the window, 450 in all',
    'entries     120345 read, 1.5/s, last 3 s ago',
    'log         /var/log/modsecurity/audit.log: read to its end, byte 120000',
    'model       20260101-020000: normal, 3 of 200 detections are high',
  ])
})

test('what is broken comes first, with what to do', () => {
  const lines = text({
    firewall_in_step: false,
    firewall_problem: 'iptables-restore failed with status 4: another program holds the xtables lock',
    pending_blocks: 2,
    brake: BRAKE,
    logs: [{ ...LOG, silence: silence('no-entry') }],
    inline_scoring: [{ log: LOG.path, modes: [mode(2)], last_score_at: ago(240) }],
    skipped: 4,
    lost_bytes: 2048,
  })
  assert.deepEqual(lines, [
    'NOT protected: the firewall takes no changes',
    '  2 blocks are not in it: iptables-restore failed with status 4: another program',
    '  holds the xtables lock',
    '  > journalctl -u modwarden -p warning -o cat -n 20',
    '! automatic blocking is PAUSED for 10 min (the brake)',
    '  within an hour the model or the rules alone would have blocked 21 of 300',
    '  addresses, usual are at most 2; what both agree on is still blocked',
    '  > modwarden blocks; then, if all is right: modwarden resume',
    '! /var/log/modsecurity/audit.log: no entry comes',
    '  it is no-entry',
    '  > modwarden doctor',
    '- the plugin runs in mode 2: it can let through what the CRS would block',
    '',
    'daemon      running for 4 d (pid 812, version 0.1.0)',
    'protection  enforcing; the firewall is NOT in step (nftables)',
    'blocks      12 active, 2 not in the firewall',
    'threats     31 in the window, 450 in all',
    'entries     120345 read, 4 unreadable, 2 KiB lost, 1.5/s, last 3 s ago',
    'log         /var/log/modsecurity/audit.log: silent, see above',
    'inline      mode 2 (seen 2 s ago): the model alone decides; the CRS blocks',
    '            nothing by itself; last score 4 min ago',
    'model       20260101-020000: normal, 3 of 200 detections are high',
  ])
})

test('a dead daemon', () => {
  assert.deepEqual(text({ ...DEAD, stopped_at: ago(180) }).slice(0, 6), [
    'NOT protected: the daemon was stopped 3 min ago',
    '  12 standing blocks stay in the firewall until they end; nobody new is blocked',
    '  > systemctl start modwarden',
    '',
    'daemon      not running; start it with systemctl start modwarden',
    'protection  standing blocks stay in the firewall; nothing new is blocked',
  ])
})

test('lines fit a terminal, and what others wrote cannot command it', () => {
  const lines = text({
    database_problem: `\u001b[31m${'word '.repeat(200)}`,
    logs: [{ ...LOG, problem: 'a\nb' }],
    inline_scoring: [{ log: LOG.path, modes: [mode(1), mode(2), mode(3)], last_score_at: null }],
    model_health: { ...FINE.model_health, drifted: true, drift: 'word '.repeat(40) },
  })
  assert.ok(
    lines.every(line => /^[\x20-\x7e]*$/.test(line)),
    lines.join('\n'),
  )
  assert.ok(
    lines.every(line => line.length <= 80 || line.startsWith('  > ')),
    lines.join('\n'),
  )
})
