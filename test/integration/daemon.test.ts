import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, copyFileSync, readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { mulberry32 } from '../../src/core/model/random.ts'
import { whyNoNamespace } from '../netns.ts'
import { until } from '../until.ts'
import { createDaemonHarness, type DaemonHarness } from './daemon-harness.ts'

const skip = whyNoNamespace() ?? false

function withDaemon(name: string, work: (daemon: DaemonHarness) => Promise<void>, settings = ''): void {
  test(name, { skip, timeout: 180_000 }, async () => {
    const daemon = createDaemonHarness(settings)
    try {
      await work(daemon)
    } catch (error) {
      process.stderr.write(daemon.text().slice(-4000))
      throw error
    } finally {
      await daemon.remove()
    }
  })
}

withDaemon('a second daemon on the same database is refused, and nothing is counted twice', async daemon => {
  await daemon.start()
  const second = daemon.command('run', '--dry-run')
  assert.equal(second.status, 1)
  assert.match(second.stderr, /another 'modwarden run' uses \S+\/modwarden\.db; stop it first/)
  daemon.write(3)
  await until('all is read', () => daemon.ids().length >= 3)
  assert.deepEqual(daemon.ids(), ['n0', 'n1', 'n2'])
  daemon.signal('SIGKILL')
  await daemon.ended()
  await daemon.start()
})

withDaemon('what is asked for while no daemon runs is noted, and said to wait', async daemon => {
  await daemon.start()
  const waits = /^modwarden: the daemon is not running: this is noted, and takes effect when it starts/
  assert.equal(daemon.command('block', '192.0.2.7').stderr, '')
  await until('it is dropped', () => daemon.isDropped('192.0.2.7'))
  daemon.signal('SIGTERM')
  await daemon.ended()
  assert.match(daemon.command('unblock', '192.0.2.7').stderr, waits)
  assert.match(daemon.command('block', '192.0.2.8', '--json').stderr, waits)
  assert.match(daemon.command('allow', '192.0.2.9').stderr, waits)
  assert.equal(daemon.isDropped('192.0.2.7'), true)
  await daemon.start()
  assert.deepEqual(['192.0.2.7', '192.0.2.8'].map(daemon.isDropped, daemon), [false, true])
})

withDaemon('wrong settings leave in force what the last good reload brought', async daemon => {
  await daemon.start()
  const events = (name: string) => daemon.journal().filter(line => line.event === name).length
  const good = readFileSync(daemon.config, 'utf8')
  writeFileSync(daemon.config, `${good}allowlist = ["192.0.2.7"]\n`)
  daemon.signal('SIGHUP')
  await until('the allowlist holds', () => events('settings.reloaded') === 1)
  writeFileSync(daemon.config, 'block_time = "soon"\n')
  daemon.signal('SIGHUP')
  await until('it is refused', () => events('settings.refused') === 1)
  writeFileSync(daemon.config, good)
  daemon.write(1, { ip: '192.0.2.7', loggedScore: 9 })
  daemon.write(1, { ip: '192.0.2.8', loggedScore: 9 })
  await until('the other one is dropped', () => daemon.isDropped('192.0.2.8'))
  assert.equal(daemon.isDropped('192.0.2.7'), false)
  assert.equal(events('settings.reloaded'), 1, 'nothing was reloaded')
})

const status = (daemon: DaemonHarness) => JSON.parse(daemon.command('status', '--json').stdout) as Record<string, unknown>

withDaemon('kill -9 at any moment, with rotations, loses and repeats nothing', async daemon => {
  const random = mulberry32(42)
  await daemon.start()
  for (let round = 0; round < 8; round++) {
    for (let step = 0; step < 5; step++) {
      daemon.write(1 + Math.floor(random() * 200), { ip: `198.51.100.${round}` })
      if (random() < 0.3) {
        // What logrotate deletes before anybody could read it is lost to everybody: here it keeps all.
        for (let place = 40; place > 0; place--) rename(`${daemon.log}.${place}`, `${daemon.log}.${place + 1}`)
        if (random() < 0.5) renameSync(daemon.log, `${daemon.log}.1`)
        else {
          copyFileSync(daemon.log, `${daemon.log}.1`)
          truncateSync(daemon.log)
        }
      }
      await pause(random() * 40)
    }
    daemon.write(1, { ip: `192.0.2.${round}`, loggedScore: 9 })
    daemon.signal('SIGKILL')
    await daemon.ended()
    await daemon.start()
  }
  daemon.write(1)
  await until('all is read', () => daemon.ids().length >= daemon.written(), 40_000)
  const ids = daemon.ids()
  assert.equal(new Set(ids).size, ids.length, 'nothing twice')
  assert.equal(ids.length, daemon.written(), 'nothing lost')
  await until('every attacker is dropped', () =>
    Array.from({ length: 8 }, (_, round) => daemon.isDropped(`192.0.2.${round}`)).every(Boolean),
  )
  assert.equal(daemon.rules().match(/-j DROP/g)!.length, 8, 'no rule twice')
})

withDaemon('while somebody holds the database nothing is lost, and the status says so', async daemon => {
  daemon.write(1, { ip: '192.0.2.1', loggedScore: 9 })
  await daemon.start()
  await until('the first is dropped', () => daemon.isDropped('192.0.2.1'))
  const holder = new Sqlite(daemon.database)
  holder.exec('BEGIN IMMEDIATE')
  daemon.write(20)
  daemon.write(1, { ip: '192.0.2.2', loggedScore: 9 })
  await until('the status tells it', () => String(status(daemon).database_problem).includes('database is locked'))
  assert.ok(daemon.isDropped('192.0.2.1'), 'what stands stays')
  assert.equal(daemon.isDropped('192.0.2.2'), false)
  holder.exec('ROLLBACK')
  holder.close()
  await until('the second is dropped', () => daemon.isDropped('192.0.2.2'))
  assert.equal(daemon.ids().length, 22)
  const told = () =>
    daemon
      .journal()
      .map(line => String(line.event))
      .filter(event => event.startsWith('database.'))
  await until('the journal tells the end of it', () => told().length === 2)
  assert.deepEqual(told(), ['database.failed', 'database.recovered'])
})

withDaemon('on a full disk the follower waits, and goes on when there is room', async daemon => {
  const folder = dirname(daemon.database)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
  try {
    await daemon.start()
    daemon.write(1, { ip: '192.0.2.1', loggedScore: 9 })
    await until('it is dropped', () => daemon.isDropped('192.0.2.1'))
    const free = execFileSync('df', ['--output=avail', '-B1', folder], { encoding: 'utf8' }).split('\n')[1]!
    writeFileSync(join(folder, 'filler'), Buffer.alloc(Number(free)))
    daemon.write(500)
    await until('the status tells it', () => String(status(daemon).database_problem).includes('full'))
    assert.ok(daemon.isDropped('192.0.2.1'))
    rmSync(join(folder, 'filler'))
    await until('all is read', () => daemon.ids().length === 501)
    assert.equal(new Set(daemon.ids()).size, 501)
    daemon.signal('SIGTERM')
    await daemon.ended()
  } finally {
    await daemon.ended().catch(() => {})
    execFileSync('umount', ['-l', folder])
  }
})

withDaemon('a damaged database is set aside, and the standing blocks are taken over from the kernel', async daemon => {
  await daemon.start()
  daemon.command('block', '192.0.2.7', '--for', '1h')
  daemon.write(3)
  await until('it is dropped', () => daemon.isDropped('192.0.2.7') && daemon.ids().length === 3)
  daemon.signal('SIGKILL')
  await daemon.ended()
  // Without the standing file only the kernel knows.
  for (const suffix of ['-wal', '-shm', '.standing']) rmSync(daemon.database + suffix, { force: true })
  writeFileSync(daemon.database, 'no database any more '.repeat(1000))
  await daemon.start()
  assert.ok(daemon.isDropped('192.0.2.7'))
  assert.deepEqual(daemon.query('SELECT ip, reason FROM blocked_ips'), [{ ip: '192.0.2.7', reason: 'imported' }])
  assert.ok(daemon.journal().some(line => line.event === 'database.set-aside' && line.level === 50))
  assert.ok(readdirSync(dirname(daemon.database)).some(name => name.includes('.damaged-')))
  await until('the log is read again', () => daemon.ids().length === 3)
})

withDaemon('what expired while the daemon was down is released at the start, all else stays', async daemon => {
  await daemon.start()
  daemon.command('block', '192.0.2.1', '--for', '5s')
  daemon.command('block', '192.0.2.2', '--for', '1h')
  await until('both are dropped', () => daemon.isDropped('192.0.2.1') && daemon.isDropped('192.0.2.2'))
  daemon.signal('SIGTERM')
  await daemon.ended()
  await until(
    'its time is over',
    () =>
      daemon.query<{ n: number }>("SELECT count(*) AS n FROM blocks WHERE expires_at < (julianday('now') - 2440587.5) * 86400000")[0]!.n ===
      1,
  )
  assert.ok(daemon.isDropped('192.0.2.1'), 'a stop leaves the rules in the kernel')
  await daemon.start()
  assert.equal(daemon.isDropped('192.0.2.1'), false)
  assert.ok(daemon.isDropped('192.0.2.2'))
})

withDaemon('observing keeps rows and touches no firewall, and leaves no rules of an enforcing daemon behind', async daemon => {
  await daemon.start()
  daemon.write(1, { ip: '192.0.2.1', loggedScore: 9 })
  await until('it is dropped', () => daemon.isDropped('192.0.2.1'))
  daemon.signal('SIGTERM')
  await daemon.ended()
  appendFileSync(daemon.config, 'mode = "observe"\n')
  await daemon.start()
  daemon.write(1, { ip: '192.0.2.2', loggedScore: 9 })
  await until('the row is there', () => daemon.query('SELECT ip FROM observed_blocks').length === 2)
  assert.deepEqual(daemon.query('SELECT ip FROM blocked_ips'), [])
  assert.equal(daemon.rules().includes('MODWARDEN'), false)
  assert.equal(status(daemon).firewall_in_step, false)
})

withDaemon('without CAP_NET_ADMIN the start fails with the remedy', async daemon => {
  daemon.write(1)
  await daemon.start(['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'])
  assert.equal(daemon.exitCode(), 1)
  assert.match(daemon.text(), /modwarden: .*modwarden needs CAP_NET_ADMIN: start it with systemctl start modwarden, or as root/)
})

withDaemon('a SIGTERM in the middle of a backlog ends it within a second, and nothing is lost', async daemon => {
  daemon.write(20_000)
  await daemon.start()
  await until('it is at work', () => daemon.ids().length > 0)
  const began = Date.now()
  daemon.signal('SIGTERM')
  await daemon.ended()
  assert.ok(Date.now() - began < 3000, `${Date.now() - began} ms`)
  assert.equal(statSync(`${daemon.database}-wal`, { throwIfNoEntry: false }), undefined)
  await daemon.start()
  await until('all is read', () => daemon.ids().length === 20_000, 30_000)
  assert.equal(new Set(daemon.ids()).size, 20_000)
})

withDaemon(
  'a log that falls silent is told once, and once that it is heard again, also over a restart',
  async daemon => {
    const told = () =>
      daemon
        .journal()
        .map(line => String(line.event))
        .filter(event => event === 'log.silent' || event === 'log.heard')
    const silence = () => (status(daemon).logs as [{ silence: { why: string; problem: string } | null }])[0].silence
    await daemon.start()
    daemon.write(3)
    await until('it is told', () => told().length > 0, 30_000)
    await until('the status says so', () => silence()?.why === 'no-entry')
    daemon.signal('SIGKILL')
    await daemon.ended()
    await daemon.start()
    await until('the status says so again', () => silence()?.why === 'no-entry', 30_000)
    assert.deepEqual(told(), ['log.silent'])
    await until('it is heard', () => daemon.write(1) > 0 && told().includes('log.heard'), 30_000)
    await until('the status says no more of it', () => silence() === null)
    assert.deepEqual(told(), ['log.silent', 'log.heard'])
  },
  'silence_after = "4s"',
)

const HIDE_SETPRIV = ['unshare', '--mount', 'sh', '-c', 'mount --bind /dev/null /usr/bin/setpriv && exec "$@"', 'sh']
const AS_NOBODY = 'setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+net_admin --ambient-caps=+net_admin'.split(' ')
/** The names of all that runs in the namespace of a daemon. */
function processes({ namespace }: DaemonHarness): string[] {
  const pids = execFileSync('ip', ['netns', 'pids', namespace.name], { encoding: 'utf8' }).split('\n')
  return spawnSync('ps', ['-o', 'comm=', '-p', pids.filter(pid => pid !== '').join() || '0'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter(name => name !== '')
}

for (const [who, prefix] of [
  ['of root', []],
  ['of a user with one capability', AS_NOBODY],
] as const)
  withDaemon(`kill -9 of a daemon ${who} ends the programs that it started, too`, async daemon => {
    execFileSync('chown', ['-R', '65534:65534', daemon.folder])
    await daemon.start(prefix)
    await until('it listens to the kernel', () => processes(daemon).includes('xtables-monitor'))
    daemon.signal('SIGKILL')
    await daemon.ended()
    await until('nobody is left', () => processes(daemon).length === 0, 2000)
  })

withDaemon('without setpriv it listens to the kernel all the same', async daemon => {
  await daemon.start(HIDE_SETPRIV)
  await until('it listens to the kernel', () => processes(daemon).includes('xtables-monitor'))
  execFileSync('ip', ['netns', 'exec', daemon.namespace.name, 'iptables', '-F'])
  await until('the change is heard and repaired', () => daemon.journal().some(line => line.event === 'firewall.repaired'))
  daemon.signal('SIGTERM')
  await daemon.ended()
  await until('nobody is left', () => processes(daemon).length === 0, 2000)
})

function rename(from: string, to: string): void {
  if (statSync(from, { throwIfNoEntry: false }) !== undefined) renameSync(from, to)
}
