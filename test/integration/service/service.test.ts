// Runs inside the container that test/integration/systemd.test.ts boots; the machine's own systemd and firewall are never touched.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { v3Entry } from '../../entries.ts'
import { until } from '../../until.ts'

assert.equal(process.env.WITH_SYSTEMD, '1', 'only inside the container')
const LOG = '/var/log/modsecurity/audit.log'
const DATABASE = '/var/lib/modwarden/modwarden.db'
const SETTINGS = '/etc/modwarden/modwarden.toml'

const out = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8' })
const property = (name: string) => out('systemctl', 'show', 'modwarden', '--value', '-p', name).trim()
const pid = () => Number(property('MainPID'))
const isDropped = (ip: string) => out('iptables', '-S', 'MODWARDEN').includes(`-s ${ip}/32 -j DROP`)
const attack = (ip: string) => appendFileSync(LOG, v3Entry({ ip, loggedScore: 9.5 }))
const journal = (priority: string) =>
  out('journalctl', '-u', 'modwarden', '-p', priority, '-o', 'cat', '--no-pager')
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as Record<string, unknown>)
const asReader = (sql: string) => out('runuser', '-u', 'reader', '--', 'sqlite3', `file:${DATABASE}?mode=ro`, sql).trim()
const blocked = (ip: string) => until(`${ip} is dropped`, () => isDropped(ip))
const countEvents = () => Number(asReader('SELECT count(*) FROM events'))

test('starts as its own user with one capability, and says it is ready', () => {
  writeFileSync(SETTINGS, 'block_time = "10m"\n')
  out('systemctl', 'start', 'modwarden')
  assert.equal(property('ActiveState'), 'active')
  assert.equal(property('StatusText'), 'following')
  const status = readFileSync(`/proc/${pid()}/status`, 'utf8')
  assert.match(status, /CapEff:\s+0000000000001000\n/)
  assert.notEqual(/Uid:\s+(\d+)/.exec(status)![1], '0')
})

test('blocks an attacker, and the journal, sqlite3 and the command say so', async () => {
  attack('192.0.2.1')
  await blocked('192.0.2.1')
  assert.match(asReader('SELECT ip, reason, score FROM blocked_ips'), /^192\.0\.2\.1\|high-score\|9\.5$/)
  const line = await until('the journal tells it', () => journal('info').find(entry => entry.event === 'address.blocked'))
  assert.deepEqual([line.ip, line.reason, line.rules], ['192.0.2.1', 'high-score', ['100004']])
  assert.equal(journal('warning').length, 0)
  assert.match(out('modwarden', 'blocks'), /192\.0\.2\.1 +high-score/)
  assert.match(out('modwarden', 'status'), /enforcing; the firewall is in step/)
  assert.match(out('modwarden', 'explain', '192.0.2.1'), /blocked at once: one request scored 9\.50/)
})

test('applies what the command writes within a second', async () => {
  out('modwarden', 'block', '198.51.100.7', '--for', '1h')
  await until('it is dropped', () => isDropped('198.51.100.7'), 5000)
  out('modwarden', 'unblock', '198.51.100.7')
  await until('it is open', () => !isDropped('198.51.100.7'), 5000)
})

test('repairs a flushed firewall within 5 s', async () => {
  out('iptables', '-F')
  await until('it is dropped again', () => isDropped('192.0.2.1') && out('iptables', '-S', 'INPUT').includes('-j MODWARDEN'), 5000)
  await until('the journal tells it', () => journal('warning').some(entry => entry.event === 'firewall.repaired'))
})

test('a kill -9 loses and repeats nothing, and no block is open meanwhile', async () => {
  const before = countEvents()
  process.kill(pid(), 'SIGKILL')
  for (let index = 0; index < 50; index++) appendFileSync(LOG, v3Entry({ ip: '203.0.113.1' }))
  attack('192.0.2.2')
  assert.ok(isDropped('192.0.2.1'))
  assert.match(asReader('SELECT count(*) FROM blocked_ips'), /^1$/, 'readable after a kill')
  await blocked('192.0.2.2')
  assert.equal(countEvents(), before + 51)
})

test('what it started ends with it', async () => {
  const listener = await until('it listens to the kernel', () =>
    spawnSync('pgrep', ['-x', 'xtables-monitor'], { encoding: 'utf8' }).stdout.trim(),
  )
  const killed = pid()
  process.kill(killed, 'SIGKILL')
  await until('its listener is gone', () => !existsSync(`/proc/${listener}`), 2000)
  // Whoever was blocked stays so meanwhile: that he is says nothing about the new one.
  await until('another one runs', () => ![0, killed].includes(pid()) && property('ActiveState') === 'active')
})

test('a hanging daemon is killed and started again', async () => {
  const hung = pid()
  process.kill(hung, 'SIGSTOP')
  await until('another one runs', () => pid() !== hung && pid() !== 0 && property('ActiveState') === 'active', 20_000)
  attack('192.0.2.3')
  await blocked('192.0.2.3')
})

test('a reload takes over new settings and keeps the old ones when the new are wrong', async () => {
  writeFileSync(SETTINGS, 'block_time = "10m"\nallowlist = ["192.0.2.3"]\n')
  out('systemctl', 'reload', 'modwarden')
  await until('the allowed address is open', () => !isDropped('192.0.2.3'))
  writeFileSync(SETTINGS, 'block_time = "soon"\nblok_score = 9\n')
  out('systemctl', 'reload', 'modwarden')
  const refused = await until('the journal tells it', () => journal('err').find(entry => entry.event === 'settings.refused'))
  assert.equal((refused.problems as string[]).length, 2)
  await until('the reload is over', () => property('ActiveState') === 'active')
  attack('192.0.2.4')
  await blocked('192.0.2.4')
  writeFileSync(SETTINGS, 'block_time = "10m"\n')
})

test('whom the scoring server refuses, it may read as another user', async () => {
  writeFileSync(SETTINGS, 'block_time = "10m"\ntrusted_proxies = ["198.51.100.200"]\nclient_ip_header = "X-Forwarded-For"\n')
  const reloads = () => journal('info').filter(entry => entry.event === 'settings.reloaded').length
  const before = reloads()
  out('systemctl', 'reload', 'modwarden')
  await until('the new settings hold', () => reloads() > before)
  const denied = () => out('runuser', '-u', 'nobody', '--', 'cat', '/run/modwarden/denied')
  appendFileSync(LOG, v3Entry({ ip: '198.51.100.200', loggedScore: 9.5, headers: { 'X-Forwarded-For': '192.0.2.77' } }))
  await until('it is refused', () => existsSync('/run/modwarden/denied') && denied().includes('192.0.2.77 '))
  assert.equal(isDropped('192.0.2.77'), false)
  out('modwarden', 'unblock', '192.0.2.77')
  await until('it is refused no longer', () => !denied().includes('192.0.2.77 '))
})

test('a stop takes less than a second, leaves the blocks in the kernel and one readable file', async () => {
  const began = Date.now()
  out('systemctl', 'stop', 'modwarden')
  assert.ok(Date.now() - began < 1000, `${Date.now() - began} ms`)
  assert.equal(property('Result'), 'success')
  assert.ok(isDropped('192.0.2.1'))
  assert.ok(existsSync('/run/modwarden/denied'), 'who is refused stays so')
  assert.equal(statSync(`${DATABASE}-wal`, { throwIfNoEntry: false }), undefined)
  assert.match(asReader('SELECT count(*) FROM blocked_ips'), /^3$/)
  assert.match(out('modwarden', 'status'), /not running; start it with systemctl start modwarden/)
  assert.equal(journal('info').at(-1)!.event, 'daemon.stopped')
})

test('the timer releases what ended while no daemon runs', async () => {
  out('modwarden', 'block', '198.51.100.9', '--for', '3s')
  out('systemctl', 'start', 'modwarden')
  await blocked('198.51.100.9')
  out('systemctl', 'stop', 'modwarden')
  assert.ok(isDropped('198.51.100.9'))
  out('systemctl', 'start', 'modwarden-expire.timer')
  await until('the timer released it', () => !isDropped('198.51.100.9'), 40_000)
  assert.ok(isDropped('192.0.2.1'), 'what still stands stays')
  out('systemctl', 'stop', 'modwarden-expire.timer')
})

const journalText = () => out('journalctl', '-u', 'modwarden', '-o', 'cat', '--no-pager')

/** Starts the service with other settings and gives whether it came up. */
function restartsWith(settings: string): boolean {
  writeFileSync(SETTINGS, settings)
  spawnSync('systemctl', ['reset-failed', 'modwarden'])
  const { status } = spawnSync('systemctl', ['restart', 'modwarden'])
  if (status !== 0) out('systemctl', 'stop', 'modwarden')
  return status === 0
}

test('nftables needs no more rights than iptables', async () => {
  assert.ok(restartsWith('block_time = "10m"\nfirewall = "nftables"\n'), journalText())
  attack('192.0.2.21')
  await until('it is dropped', () => out('nft', 'list', 'table', 'inet', 'modwarden').includes('192.0.2.21'))
  assert.doesNotMatch(out('iptables', '-S'), /MODWARDEN/)
})

test('ipset and legacy iptables say that they lack CAP_NET_RAW, and work with the example', async () => {
  assert.equal(restartsWith('block_time = "10m"\nfirewall = "ipset"\n'), false)
  assert.match(journalText(), /need CAP_NET_RAW: copy \/usr\/lib\/systemd\/system\/modwarden\.service\.d\/net-raw\.conf\.example to/)
  const alternatives = (kind: string) => {
    for (const program of ['iptables', 'ip6tables']) out('update-alternatives', '--set', program, `/usr/sbin/${program}-${kind}`)
  }
  alternatives('legacy')
  assert.equal(restartsWith('block_time = "10m"\nfirewall = "iptables"\n'), false)
  assert.match(journalText(), /iptables-legacy needs CAP_NET_ADMIN and CAP_NET_RAW: copy/)
  for (const unit of ['modwarden', 'modwarden-expire']) {
    mkdirSync(`/etc/systemd/system/${unit}.service.d`, { recursive: true })
    copyFileSync('/usr/lib/systemd/system/modwarden.service.d/net-raw.conf.example', `/etc/systemd/system/${unit}.service.d/net-raw.conf`)
  }
  out('systemctl', 'daemon-reload')
  assert.ok(restartsWith('block_time = "10m"\nfirewall = "iptables"\n'), journalText())
  attack('192.0.2.22')
  await blocked('192.0.2.22')
  out('systemctl', 'stop', 'modwarden')
  assert.match(out('modwarden', 'flush'), /are gone/)
  alternatives('nft')
  assert.ok(restartsWith('block_time = "10m"\nfirewall = "ipset"\n'), journalText())
  attack('192.0.2.23')
  await until('it is in the set', () => out('ipset', 'list', 'modwarden4').includes('192.0.2.23 '))
  assert.match(out('iptables', '-S', 'MODWARDEN'), /--match-set modwarden4 src -j DROP/)
  out('modwarden', 'block', '198.51.100.10', '--for', '3s')
  await until('it is in the set too', () => out('ipset', 'list', 'modwarden4').includes('198.51.100.10 '))
  out('systemctl', 'stop', 'modwarden')
  out('systemctl', 'start', 'modwarden-expire.timer')
  await until('the timer released it', () => !out('ipset', 'list', 'modwarden4').includes('198.51.100.10 '), 40_000)
  out('systemctl', 'stop', 'modwarden-expire.timer')
})

test('wrong settings end the start with 78, once, and name every problem', () => {
  writeFileSync(SETTINGS, 'block_time = "soon"\nblok_score = 9\n')
  const start = spawnSync('systemctl', ['start', 'modwarden'], { encoding: 'utf8' })
  assert.notEqual(start.status, 0)
  assert.equal(property('ExecMainStatus'), '78')
  assert.equal(property('NRestarts'), '0')
  assert.match(
    out('journalctl', '-u', 'modwarden', '-o', 'cat', '--no-pager'),
    /block_time: must be a duration.*\n.*blok_score: unknown key/,
  )
})
