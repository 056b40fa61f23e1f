import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { until } from '../until.ts'
import { type DaemonHarness, withDaemon } from './daemon-harness.ts'

const BLOCKS =
  'SELECT ip, reason, blocked_at, expires_at, note, origin, step, enforcement FROM blocks WHERE released_at IS NULL ORDER BY ip'
const settings = (folder: string) => `denied_file = "${folder}/denied"`
const told = (daemon: DaemonHarness, event: string) => daemon.journal().filter(line => line.event === event)

/** Blocks of each kind and a network allowed at run time, and the daemon then gone; gives the rows. */
async function leaveBlocks(daemon: DaemonHarness, how: NodeJS.Signals): Promise<unknown[]> {
  daemon.command('block', '192.0.2.7', '--for', '30d', '--reason', 'scraper')
  await daemon.start()
  daemon.command('block', '192.0.2.8', '--for', '-1')
  daemon.command('allow', '198.51.100.9', '--reason', 'office')
  writeFileSync(`${daemon.folder}/list`, '203.0.113.0/24\n')
  daemon.command('import', `${daemon.folder}/list`, '--for', '7d')
  daemon.write(1, { ip: '192.0.2.1', loggedScore: 9 })
  await until('all are dropped', () => daemon.isDropped('192.0.2.1') && daemon.isDropped('192.0.2.8'))
  const rows = daemon.query(BLOCKS)
  daemon.signal(how)
  await daemon.ended()
  return rows
}

function damage({ database }: DaemonHarness): void {
  for (const suffix of ['-wal', '-shm']) rmSync(database + suffix, { force: true })
  writeFileSync(database, 'no database any more '.repeat(1000))
}

withDaemon(
  'after a damage and a reboot the same blocks stand, with their ends and reasons, and what was allowed',
  settings,
  async daemon => {
    await daemon.start()
    daemon.signal('SIGTERM')
    await daemon.ended()
    const rows = await leaveBlocks(daemon, 'SIGTERM')
    assert.equal(rows.length, 4)
    damage(daemon)
    const flush = ['netns', 'exec', daemon.namespace.name, 'iptables']
    for (const args of [
      ['-D', 'INPUT', '-j', 'MODWARDEN'],
      ['-F', 'MODWARDEN'],
      ['-X', 'MODWARDEN'],
    ])
      run('ip', [...flush, ...args])
    assert.equal(daemon.command('restore').status, 0)
    assert.ok(daemon.isDropped('192.0.2.7') && daemon.isDropped('192.0.2.1'))
    await daemon.start()
    assert.deepEqual(daemon.query(BLOCKS), rows)
    assert.equal(told(daemon, 'database.set-aside').length, 1)
    assert.deepEqual(told(daemon, 'firewall.repaired'), [])
    const [taken] = told(daemon, 'blocks.taken-over')
    assert.deepEqual([taken?.number, taken?.from_file, taken?.from_firewall, taken?.allowed], [4, 4, 0, 1])
    assert.match(daemon.command('allow', '--list').stdout, /198\.51\.100\.9.*office/)
    await until('the log is read again', () => daemon.ids().length === 1)
    assert.deepEqual(daemon.query(BLOCKS), rows, 'the log read again blocks nobody twice')
    daemon.signal('SIGTERM')
    await daemon.ended()
    await daemon.start()
    assert.deepEqual(daemon.query(BLOCKS), rows, 'and the next start takes nothing over')
    assert.equal(told(daemon, 'blocks.taken-over').length, 1)
  },
)

withDaemon(
  'what is newer than the file comes from the firewall, and what the file says ended does not come back',
  settings,
  async daemon => {
    await daemon.start()
    await until('the file is written', () => existsSync(`${daemon.database}.standing`))
    daemon.command('block', '192.0.2.1', '--for', '1h')
    await until('it is dropped', () => daemon.isDropped('192.0.2.1'))
    daemon.signal('SIGKILL')
    await daemon.ended()
    // It is over, and the kernel has not let go of it yet.
    run('ip', ['netns', 'exec', daemon.namespace.name, 'iptables', '-A', 'MODWARDEN', '-s', '192.0.2.2', '-j', 'DROP'])
    const over = { ip: '192.0.2.2', reason: 'manual', score: 0, threat_count: 0, blocked_at: 1, expires_at: 2 }
    const rest = { enforcement: 'firewall', step: 1, corroborated: false, origin: '', note: '' }
    writeFileSync(`${daemon.database}.standing`, `${JSON.stringify({ ...over, ...rest })}\n`)
    damage(daemon)
    await daemon.start()
    assert.deepEqual(daemon.query('SELECT ip, reason FROM blocked_ips'), [{ ip: '192.0.2.1', reason: 'imported' }])
    assert.ok(daemon.isDropped('192.0.2.1') && !daemon.isDropped('192.0.2.2'))
    assert.ok(!readdirSync(dirname(daemon.database)).some(name => name.startsWith('modwarden.db.new')))
  },
)

withDaemon('what commands did while no daemon ran holds after a damage too', settings, async daemon => {
  await daemon.start()
  for (const ip of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) daemon.command('block', ip, '--for', '30d')
  daemon.command('allow', '203.0.113.9')
  await until('they are dropped', () => daemon.isDropped('192.0.2.3'))
  daemon.signal('SIGTERM')
  await daemon.ended()
  daemon.command('unblock', '192.0.2.1')
  daemon.command('allow', '192.0.2.2')
  daemon.command('allow', '203.0.113.9', '--remove')
  daemon.command('block', '192.0.2.4', '--for', '7d', '--reason', 'scraper')
  damage(daemon)
  await daemon.start()
  assert.deepEqual(daemon.query('SELECT ip, note FROM blocks WHERE released_at IS NULL ORDER BY ip'), [
    { ip: '192.0.2.3', note: '' },
    { ip: '192.0.2.4', note: 'scraper' },
  ])
  assert.deepEqual(daemon.query('SELECT network FROM allow'), [{ network: '192.0.2.2' }])
  assert.ok(!daemon.isDropped('192.0.2.1') && !daemon.isDropped('192.0.2.2') && daemon.isDropped('192.0.2.3'))
})

function run(program: string, args: readonly string[]): void {
  execFileSync(program, args)
}
