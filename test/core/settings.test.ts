import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSettings } from '../../src/core/settings.ts'

const read = (...values: Record<string, unknown>[]) =>
  parseSettings(values.map((value, index) => ({ name: `${index}.toml`, values: value })))

test('the defaults hold without a file', () => {
  const settings = read()
  assert.ok(settings.ok)
  assert.equal(settings.value.blockTime, 3_600_000)
  assert.deepEqual(settings.value.auditLogs, ['/var/log/modsecurity/audit.log'])
})

test('a later file wins', () => {
  const settings = read({ block_time: '10m', mode: 'observe' }, { block_time: '2w' })
  assert.ok(settings.ok)
  assert.equal(settings.value.blockTime, 1_209_600_000)
  assert.equal(settings.value.mode, 'observe')
})

test('-1 never ends, as a text and as a number', () => {
  for (const value of ['-1', -1]) {
    const settings = read({ block_time: value })
    assert.ok(settings.ok)
    assert.equal(settings.value.blockTime, Number.POSITIVE_INFINITY)
  }
})

test('addresses come out canonical', () => {
  const settings = read({ allowlist: ['10.1.2.3/8', '::ffff:192.0.2.1'] })
  assert.ok(settings.ok)
  assert.deepEqual(settings.value.allowlist, ['10.0.0.0/8', '192.0.2.1'])
})

test('a table gives its keys', () => {
  const settings = read({ score: { listen: '[::1]:5000', deadline: '25ms' } }, { score: { reservoir: 0 } })
  assert.ok(settings.ok)
  const { scoreListen, scoreDeadline, scoreReservoir, scoreGroup } = settings.value
  assert.deepEqual([scoreListen, scoreDeadline, scoreReservoir, scoreGroup], [{ host: '::1', port: 5000 }, 25, 0, 'www-data'])
})

const wrong: [Record<string, unknown>, string][] = [
  [{ block_score: 'eleven' }, '0.toml: block_score: must be a number from 0 to 10, got "eleven"'],
  [{ block_score: 11 }, '0.toml: block_score: must be a number from 0 to 10, got 11'],
  [{ block_time: '1 hour' }, '0.toml: block_time: must be a duration such as 90s, 10m, 1h, 7d, 2w or -1, got "1 hour"'],
  [{ block_time: '0s' }, '0.toml: block_time: must be longer than 0s, got "0s"'],
  [{ block_tim: '1h' }, '0.toml: block_tim: unknown key; did you mean block_score?'],
  [{ audit_log: 'audit.log' }, '0.toml: audit_log: must be an absolute path, got "audit.log"'],
  [{ audit_log: [] }, '0.toml: audit_log: must name at least one path, got []'],
  [{ allowlist: ['example.org'] }, '0.toml: allowlist: must hold only IP addresses and CIDRs, got ["example.org"]'],
  [{ chains: ['INPUT; rm'] }, '0.toml: chains: must hold names of chains, got ["INPUT; rm"]'],
  [
    { score: { listen: '0.0.0.0:5000' } },
    '0.toml: score.listen: must be a loopback address with a port, such as 127.0.0.1:5000 or [::1]:5000, got "0.0.0.0:5000"',
  ],
  [{ score: { deadline: '1h' } }, '0.toml: score.deadline: must be a time from 1ms to 10000ms, got "1h"'],
  [{ score: { sokket: '/x' } }, '0.toml: score.sokket: unknown key; did you mean score.socket?'],
  [{ score: 5 }, '0.toml: score: unknown key; did you mean score.socket?'],
  [{ mode: { score: 5 } }, '0.toml: mode: must be one of "enforce", "observe", got {"score":5}'],
  [{ firewall: 'ufw' }, '0.toml: firewall: must be one of "auto", "iptables", "ipset", "nftables", "dry-run", got "ufw"'],
  [
    { firewall: 'nftables', chains: ['INPUT', 'ufw-user-input'] },
    'chains: a table of nftables sees only INPUT, FORWARD and DOCKER-USER, got ufw-user-input; set firewall = "iptables" or "ipset"',
  ],
  [{ max_blocks: 0 }, '0.toml: max_blocks: must be a whole number from 1 to 1000000, got 0'],
  [
    { trusted_proxies: ['192.0.2.1'] },
    'client_ip_header: must name the header in which trusted_proxies name the client, such as X-Forwarded-For, got nothing',
  ],
  [
    { trusted_proxies: ['192.0.2.1', '0.0.0.0/0'], client_ip_header: 'Forwarded' },
    'trusted_proxies: must not hold everybody, or nobody can ever be blocked, got 0.0.0.0/0',
  ],
  [{ client_ip_header: 'X Y' }, '0.toml: client_ip_header: must be the name of a header, got "X Y"'],
  [{ observe_reasons: ['all'] }, '0.toml: observe_reasons: must be a list of "high-score", "repeated", "too-many", got ["all"]'],
  [{ threat_score: 7 }, 'threat_score: must not be above repeat_score, got 7 and 6'],
]
for (const [values, problem] of wrong) {
  test(`refuses ${JSON.stringify(values)}`, () => {
    const settings = read(values)
    assert.equal(settings.ok, false)
    assert.deepEqual(settings.ok ? [] : settings.problems, [problem])
  })
}

test('every problem comes at once', () => {
  const settings = read({ block_score: 11, mode: 'off' }, { nothing: 1 })
  assert.equal(settings.ok ? 0 : settings.problems.length, 3)
})
