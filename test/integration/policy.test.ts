import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { until } from '../until.ts'
import { announced, type DaemonHarness, withDaemon } from './daemon-harness.ts'

const BASE = new URL('../../models/base.json', import.meta.url)

/** The text of the model that ships with the program, under another version. */
function baseModelAs(version: string): string {
  const [, head, body] = /^(\{"modwarden_model":\d+,"sha256":")[0-9a-f]{64}","body":(.*)\}\n$/.exec(readFileSync(BASE, 'utf8'))!
  const renamed = body!.replace(/"version":"[^"]*"/, `"version":"${version}"`)
  return `${head}${createHash('sha256').update(renamed).digest('hex')}","body":${renamed}}\n`
}

const json = (daemon: DaemonHarness, ...args: string[]) =>
  daemon
    .command(...args, '--json')
    .stdout.trim()
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Record<string, unknown>)

withDaemon(
  'a client behind a proxy is written down for the scoring server, the proxy is never dropped',
  folder => `trusted_proxies = ["198.51.100.0/24"]\nclient_ip_header = "X-Forwarded-For"\ndenied_file = "${folder}/denied"`,
  async daemon => {
    await daemon.start()
    const denied = () => readFileSync(join(daemon.folder, 'denied'), 'utf8')
    assert.equal(denied(), '')
    daemon.write(20, { ip: '198.51.100.1', loggedScore: 9 })
    daemon.write(1, { ip: '198.51.100.1', loggedScore: 9, headers: { 'X-Forwarded-For': '192.0.2.66, 192.0.2.1, 198.51.100.7' } })
    daemon.write(1, { ip: '192.0.2.2', loggedScore: 9, headers: { 'X-Forwarded-For': '192.0.2.67' } })
    await until('both are blocked', () => daemon.isDropped('192.0.2.2') && denied().split('\n').length === 3)
    const [expires] = daemon.query<{ expires: number }>("SELECT expires_at AS expires FROM blocks WHERE ip = '192.0.2.1'")
    assert.match(denied(), new RegExp(`^192\\.0\\.2\\.1 ${Math.ceil(expires!.expires / 1000)}\n192\\.0\\.2\\.2 \\d+\n$`))
    assert.equal(statSync(join(daemon.folder, 'denied')).mode & 0o777, 0o644)
    assert.equal(daemon.rules().match(/-j DROP/g)!.length, 1, 'neither the proxy nor the client behind it')
    assert.deepEqual(
      json(daemon, 'blocks').map(({ ip, proxied, in_firewall }) => [ip, proxied, in_firewall]),
      [
        ['192.0.2.1', true, false],
        ['192.0.2.2', false, true],
      ],
    )
    assert.match(daemon.command('blocks').stdout, /192\.0\.2\.1 .*proxied/)
    assert.equal((json(daemon, 'status')[0] as { firewall_in_step: boolean }).firewall_in_step, true)
    assert.notEqual(daemon.command('block', '198.51.100.0/28').status, 0)

    daemon.command('unblock', '192.0.2.1')
    await until('it may come again', () => !denied().includes('192.0.2.1'), 5000)
    daemon.signal('SIGTERM')
    await daemon.ended()
    assert.match(denied(), /^192\.0\.2\.2 /, 'a stop leaves the file')
  },
)

withDaemon(
  'what releases blocks while the daemon is dead lets pass what was allowed while it ran',
  () => 'trusted_proxies = ["198.51.100.8"]\nclient_ip_header = "X-Forwarded-For"\n',
  async daemon => {
    await daemon.start()
    daemon.command('allow', '198.51.100.7')
    daemon.command('block', '198.51.100.0/24', '192.0.2.0/24')
    await until('both are dropped', () => daemon.rules().match(/-j DROP/g)?.length === 2)
    const before = daemon.rules()
    assert.match(before, /-s 198\.51\.100\.7\/32 -j RETURN\n-A MODWARDEN -s 198\.51\.100\.8\/32 -j RETURN/)
    daemon.signal('SIGKILL')
    await daemon.ended()
    const writer = new Sqlite(daemon.database)
    writer.exec("UPDATE blocks SET expires_at = 1000 WHERE ip = '192.0.2.0/24'")
    writer.close()
    assert.equal(daemon.command('expire').status, 0)
    assert.equal(daemon.rules(), before.replace('-A MODWARDEN -s 192.0.2.0/24 -j DROP\n', ''))
  },
)

withDaemon(
  'a repeated block lasts longer, says so, and can be forgiven',
  () => '',
  async daemon => {
    await daemon.start()
    const blocked = async (step: number) => {
      daemon.write(1, { ip: '192.0.2.1', loggedScore: 9 })
      await until('it is dropped', () => daemon.isDropped('192.0.2.1'))
      const [block] = json(daemon, 'blocks') as { step: number; blocked_at: string; expires_at: string }[]
      assert.equal(block!.step, step)
      return (Date.parse(block!.expires_at) - Date.parse(block!.blocked_at)) / 3_600_000
    }
    const lifted = async (...options: string[]) => {
      assert.equal(daemon.command('unblock', '192.0.2.1', ...options).status, 0)
      await until('it is open', () => !daemon.isDropped('192.0.2.1'))
    }
    assert.equal(await blocked(1), 1)
    await lifted()
    assert.equal(await blocked(2), 2)
    assert.match(daemon.command('explain', '192.0.2.1').stdout, /alone; block number 2 within 30 d, so it lasts 2 h/)
    const steps = () =>
      daemon
        .journal()
        .filter(line => line.event === 'address.blocked')
        .map(line => line.step)
    await until('the journal says so', () => steps().join() === '1,2')
    await lifted('--forgive')
    assert.equal(await blocked(1), 1)
  },
)

withDaemon(
  'allow lifts a standing block within a second, and ends in time',
  () => '',
  async daemon => {
    await daemon.start()
    const attack = () => daemon.write(1, { ip: '192.0.2.1', loggedScore: 9 })
    attack()
    await until('it is dropped', () => daemon.isDropped('192.0.2.1'))
    assert.deepEqual(
      json(daemon, 'allow', '192.0.2.1', '--for', '15s', '--reason', 'a \u001b[31mtest').map(({ network, reason, lifted }) => [
        network,
        reason,
        lifted,
      ]),
      [['192.0.2.1', 'a \\x1b[31mtest', ['192.0.2.1']]],
    )
    await until('it is open', () => !daemon.isDropped('192.0.2.1'), 3000)
    const told = (event: string) => daemon.journal().find(line => line.event === event)
    await until(
      'the journal says so',
      () => told('address.allowed')?.network === '192.0.2.1' && told('address.unblocked')?.by === 'allowlist',
    )
    attack()
    await until('it is read', () => daemon.ids().length === 2)
    assert.equal(daemon.isDropped('192.0.2.1'), false)
    assert.match(daemon.command('explain', '192.0.2.1').stdout, /not blocked\n {2}allowed by 192\.0\.2\.1 \(a .*test\)/)
    assert.match(daemon.command('block', '192.0.2.1').stderr, /192\.0\.2\.1 is allowed: by the allowlist/)
    assert.match(daemon.command('allow', '--list').stdout, /192\.0\.2\.1 .*x1b\[31mtest/)

    await until('it is over', () => told('address.disallowed')?.network === '192.0.2.1')
    assert.equal(daemon.isDropped('192.0.2.1'), false, 'it starts anew')
    attack()
    await until('it is dropped again', () => daemon.isDropped('192.0.2.1'))
    assert.equal(json(daemon, 'blocks')[0]!.step, 1)

    daemon.command('allow', '192.0.2.0/24')
    await until('it is open again', () => !daemon.isDropped('192.0.2.1'), 3000)
    assert.deepEqual(json(daemon, 'allow', '--remove', '192.0.2.0/24', '203.0.113.1'), [
      { network: '192.0.2.0/24', was_allowed: true },
      { network: '203.0.113.1', was_allowed: false },
    ])
    assert.deepEqual(json(daemon, 'allow', '--list'), [])
    for (const wrong of [['allow'], ['allow', '--list', '192.0.2.1'], ['allow', 'example.org'], ['allow', '192.0.2.1', '--for', 'ever']])
      assert.equal(daemon.command(...wrong).status, 64, wrong.join(' '))
  },
)

withDaemon(
  'what is only observed is told, never dropped, and enforced from the next threat on once the mode says so',
  () => 'mode = "observe"',
  async daemon => {
    await daemon.start()
    daemon.write(3, { ip: '192.0.2.1' })
    daemon.write(2, { ip: '192.0.2.1', loggedScore: 9 })
    await until('it is observed', () => daemon.query('SELECT ip FROM observed_blocks').length === 1)
    assert.match(daemon.command('block', '192.0.2.9').stdout, /noted but, with mode = "observe", not blocked/)
    assert.deepEqual(daemon.query('SELECT ip FROM blocked_ips'), [])
    await until('the journal says so', () => daemon.journal().some(line => line.event === 'address.observed' && line.ip === '192.0.2.1'))
    assert.equal(daemon.text().includes('address.blocked'), false)
    const [status] = json(daemon, 'status')
    assert.deepEqual([status!.active_blocks, status!.observed_blocks], [0, 2])
    assert.match(daemon.command('blocks').stdout, /192\.0\.2\.1 .*only observed: not blocked/)
    assert.match(daemon.command('explain', '192.0.2.1').stdout, /NOT blocked, only observed/)
    const [observed] = json(daemon, 'observed') as unknown as [{ days: Record<string, unknown>[]; addresses: Record<string, unknown>[] }]
    const { day, ...counts } = observed.days[0]!
    assert.match(String(day), /^\d{4}-\d\d-\d\d$/)
    assert.deepEqual(counts, { addresses: 2, blocks: 2, requests: 5, clean_requests: 3, reasons: { 'high-score': 1, manual: 1 } })
    assert.deepEqual(
      observed.addresses.map(({ ip, clean_requests }) => [ip, clean_requests]),
      [
        ['192.0.2.1', 3],
        ['192.0.2.9', 0],
      ],
    )
    assert.match(daemon.command('observed').stdout, /mode = "enforce" in the settings/)

    daemon.signal('SIGTERM')
    await daemon.ended()
    writeFileSync(daemon.config, readFileSync(daemon.config, 'utf8').replace('"observe"', '"enforce"'))
    await daemon.start()
    await until('what was asked for by hand is dropped', () => daemon.isDropped('192.0.2.9'))
    assert.equal(daemon.isDropped('192.0.2.1'), false)
    daemon.write(1, { ip: '192.0.2.1', loggedScore: 9 })
    await until('it is dropped', () => daemon.isDropped('192.0.2.1'))
    assert.equal(daemon.query('SELECT ip FROM blocked_ips').length, 2)
  },
)

withDaemon(
  'one reason is enforced and another only observed',
  () => 'observe_reasons = ["too-many"]',
  async daemon => {
    await daemon.start()
    daemon.write(11, { ip: '192.0.2.1', loggedScore: 5.5 })
    daemon.write(1, { ip: '192.0.2.2', loggedScore: 9 })
    await until('one is dropped', () => daemon.isDropped('192.0.2.2'))
    await until('one is observed', () => daemon.query('SELECT ip FROM observed_blocks').length === 1)
    assert.equal(daemon.isDropped('192.0.2.1'), false)
    assert.match(daemon.command('status').stdout, /only observing too-many; the firewall is in step/)
    daemon.write(1, { ip: '192.0.2.1', loggedScore: 9 })
    await until('the other reason blocks it all the same', () => daemon.isDropped('192.0.2.1'))
    assert.deepEqual(
      json(daemon, 'blocks').map(({ ip, reason, observed, step }) => [ip, reason, observed, step]),
      [
        ['192.0.2.2', 'high-score', false, 1],
        ['192.0.2.1', 'high-score', false, 1],
      ],
    )
  },
)

withDaemon(
  'a poisoned model is braked: it is told, standing blocks stay, a real attack is still dropped, and resume goes on',
  folder => `outbox_dir = "${folder}/outbox"`,
  async daemon => {
    mkdirSync(join(daemon.folder, 'outbox'))
    writeFileSync(join(daemon.folder, 'notify.toml'), '[notify]\ncommand = "/bin/true"\non = ["brake"]\n')
    // The inline scorer has the same model, and scores what is ordinary 9.
    const strange = { loggedScore: 9 }
    await daemon.start()
    for (let index = 0; index < 100; index++) daemon.write(1, { ip: `198.18.1.${index}` })
    await until('all is read', () => daemon.ids().length === 100)
    assert.equal(daemon.query('SELECT ip FROM blocked_ips').length, 0)
    mkdirSync(join(daemon.folder, 'models'))
    writeFileSync(join(daemon.folder, 'models/active.json'), baseModelAs('poisoned'))
    daemon.signal('SIGHUP')
    await until('it is taken over', () => daemon.journal().some(line => line.event === 'model.activated'))
    for (let index = 0; index < 60; index++) daemon.write(1, { ip: `198.18.0.${index}`, ...strange })
    const event = (name: string) => daemon.journal().find(line => line.event === name)
    await until('the brake is told', () => event('brake.engaged') && event('brake.held'))
    const { level, addresses, clients, usual, model } = event('brake.engaged')!
    assert.deepEqual([level, addresses, Number(clients) > 100, usual, model], [50, 21, true, 0, 'poisoned'])
    await until('it is announced', () => announced(daemon).join() === 'brake.engaged')
    await until('all is read', () => daemon.ids().length === 160)
    assert.equal(daemon.rules().match(/-j DROP/g)!.length, 20)
    assert.match(
      daemon.command('status').stdout,
      /^Partly protected: automatic blocking is PAUSED for .* \(the brake\)\n(?:.*\n)*? {2}> .*modwarden resume\n/,
    )
    assert.equal((json(daemon, 'status')[0]!.brake as { addresses: number }).addresses, 21)

    daemon.write(1, { ip: '192.0.2.1', loggedScore: 9, attack: true, denied: true })
    await until('it is dropped', () => daemon.isDropped('192.0.2.1'))
    daemon.signal('SIGKILL')
    await daemon.ended()
    await daemon.start()
    daemon.write(1, { ip: '198.18.0.59', ...strange })
    await until('it is read', () => daemon.ids().length === 162)
    assert.equal(daemon.isDropped('198.18.0.59'), false, 'a restart is no resumption')

    assert.match(daemon.command('resume').stdout, /goes on/)
    assert.deepEqual(json(daemon, 'resume'), [{ was_paused: false, brake_armed_at: null }])
    await until('it is told', () => event('brake.released'))
    await until('it is announced', () => announced(daemon).join() === 'brake.engaged,brake.engaged,brake.released')
    daemon.write(1, { ip: '198.18.0.59', ...strange })
    await until('it is dropped now', () => daemon.isDropped('198.18.0.59'))
    assert.equal(json(daemon, 'status')[0]!.brake, null)
  },
)

withDaemon(
  'a file of refused addresses that cannot be written is told, and written as soon as it can be',
  folder => `trusted_proxies = ["198.51.100.0/24"]\nclient_ip_header = "Forwarded"\ndenied_file = "${folder}/later/denied"`,
  async daemon => {
    await daemon.start()
    daemon.write(1, { ip: '198.51.100.1', loggedScore: 9, headers: { Forwarded: 'for=192.0.2.1' } })
    const told = (event: string) => daemon.journal().some(line => line.event === event)
    await until('it is told', () => told('denied_file.failed'))
    mkdirSync(join(daemon.folder, 'later'))
    await until('it is put right', () => told('denied_file.recovered'))
    assert.match(readFileSync(join(daemon.folder, 'later/denied'), 'utf8'), /^192\.0\.2\.1 /)
  },
)

withDaemon(
  'a dry run lets nobody be refused',
  folder => `trusted_proxies = ["198.51.100.0/24"]\nclient_ip_header = "Forwarded"\ndenied_file = "${folder}/denied"`,
  async daemon => {
    await daemon.start([], ['--dry-run'])
    daemon.write(1, { ip: '198.51.100.1', loggedScore: 9, headers: { Forwarded: 'for=192.0.2.1' } })
    await until('it is told', () => daemon.journal().some(line => line.event === 'address.blocked'))
    daemon.command('block', '192.0.2.9')
    await until('it would be dropped', () => daemon.journal().some(line => line.event === 'firewall.spared'))
    assert.equal(readFileSync(join(daemon.folder, 'denied'), 'utf8'), '')
    assert.match(daemon.command('status').stdout, /dry run: nothing is blocked/)
  },
)
