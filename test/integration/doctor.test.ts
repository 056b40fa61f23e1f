import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Parts } from '../../src/core/doctor/facts.ts'
import { lookAtDatabase } from '../../src/edge/doctor/look-database.ts'
import { lookAtLogs } from '../../src/edge/doctor/look-logs.ts'
import { SYSTEM } from '../../src/edge/doctor/places.ts'
import { findServers, startedWith } from '../../src/edge/doctor/servers.ts'
import { readWebConfigs } from '../../src/edge/doctor/web-configs.ts'
import { openStore } from '../../src/edge/store/store.ts'
import { judge, judgeOne, settingsOf } from '../doctor-facts.ts'
import { startApache, whyNoApache } from '../servers/apache.ts'
import { type ServerOptions, send, type WebServer } from '../servers/common.ts'
import { startNginx, whyNoNginx } from '../servers/nginx.ts'
import { until } from '../until.ts'

type Start = (options: ServerOptions) => Promise<WebServer>
type Options = Omit<ServerOptions, 'folder' | 'type'> & { type?: ServerOptions['type'] }

/** Runs a server of the test's own, with facts about it and its log alone. */
async function withServer(
  start: Start,
  options: Options,
  body: (server: WebServer, look: (more?: Partial<Parts>) => Promise<Partial<Parts>>) => Promise<void>,
) {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-doctor-'))
  chmodSync(folder, 0o755)
  try {
    const server = await start({ folder, type: 'Serial', ...options })
    const look = async (more: Partial<Parts> = {}) => {
      const { auditLog } = server
      const { running, held } = findServers('/proc', [auditLog], String)
      const servers = { running: running.filter(({ pid }) => pid === server.pid || childrenOf(server.pid).includes(pid)), held }
      const web = readWebConfigs({ ...SYSTEM, apache: [], nginx: [] }, startedWith('/proc', servers))
      const settings = more.settings ?? settingsOf({ audit_log: auditLog })
      const logs = await lookAtLogs({ logs: [auditLog], storageDir: settings.storageDir, proxies: { trusted: [], header: '' } })
      return { settings, servers, web, logs, ...more }
    }
    try {
      await body(server, look)
    } finally {
      await server.stop()
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function childrenOf(pid: number): number[] {
  const text = execFileSync('sh', ['-c', `cat /proc/${pid}/task/*/children`], { encoding: 'utf8' })
  return text.trim().split(/\s+/).map(Number)
}

const attack = (server: WebServer, index = 0) => send(server.port, { ip: '192.0.2.7', path: `/item?id=${index}'%20OR%20'1'='1` })

for (const { name, start, skip, reopen } of [
  { name: 'nginx', start: startNginx, skip: whyNoNginx() ?? false, reopen: false },
  { name: 'apache', start: startApache, skip: whyNoApache() ?? false, reopen: true },
])
  test(`doctor sees the settings and the log of a running ${name}, and when it writes to the file that was rotated away`, {
    skip,
    timeout: 60_000,
  }, async () => {
    await withServer(start, { format: 'JSON' }, async (server, look) => {
      for (let index = 0; index < 3; index++) await attack(server, index)
      const well = await look()
      assert.equal(well.web!.length, 1)
      for (const id of [
        'waf-found',
        'waf-engine',
        'waf-audit',
        'waf-log',
        'log-readable',
        'log-events',
        'log-format',
        'log-json-support',
        'log-parts',
        'log-clock',
        'log-held',
      ])
        assert.deepEqual(
          judge(id, well).map(({ severity }) => severity),
          ['ok'],
          id,
        )

      renameSync(server.auditLog, `${server.auditLog}.1`)
      writeFileSync(server.auditLog, '')
      await attack(server)
      const away = judgeOne('log-held', await look())
      assert.equal(away.severity, 'bad')
      assert.match(away.what, /^(nginx|apache2) still writes to the file that was rotated away$/)
      assert.match(
        away.evidence!,
        new RegExp(`^pid \\d+ holds ${server.auditLog}\\.1 \\(inode \\d+, \\d+ bytes\\); the path has inode \\d+$`),
      )

      // What logrotate's scripts send; libmodsecurity 3 holds on to its file.
      server.signal('USR1')
      if (reopen) {
        await until('it writes to the new file', async () => judgeOne('log-held', await look()).severity === 'ok')
        return
      }
      await until('the signal is taken', () => attack(server).then(status => status === 403))
      assert.equal(judgeOne('log-held', await look()).severity, 'bad')
      rmSync(`${server.auditLog}.1`)
      assert.match(judgeOne('log-held', await look()).evidence!, /which is deleted/)
    })
  })

const PARTS = [
  {
    name: 'nginx',
    start: startNginx,
    format: 'JSON',
    parts: 'AFHZ',
    what: 'its entries lack the headers: part B is missing',
    skip: whyNoNginx(),
  },
  {
    name: 'nginx',
    start: startNginx,
    format: 'Native',
    parts: 'AFHZ',
    what: 'its entries lack the request: part B is missing',
    skip: whyNoNginx(),
  },
  {
    name: 'apache',
    start: startApache,
    format: 'JSON',
    parts: 'ABFZ',
    what: 'its entries have no matched rules: part H may be missing',
    skip: whyNoApache(),
  },
] as const
for (const { name, start, format, parts, what, skip } of PARTS)
  test(`log-parts: ${name} with SecAuditLogParts ${parts} (${format})`, { skip: skip ?? false, timeout: 60_000 }, async () => {
    await withServer(start, { format, parts }, async (server, look) => {
      for (let index = 0; index < 3; index++) await attack(server, index)
      const found = judgeOne('log-parts', await look())
      assert.deepEqual([found.severity, found.what], ['bad', what])
      assert.match(found.evidence!, new RegExp(`SecAuditLogParts ${parts}$`))
    })
  })

test('a concurrent log is read through its index, where the settings say so', {
  skip: whyNoNginx() ?? false,
  timeout: 60_000,
}, async () => {
  await withServer(startNginx, { format: 'JSON', type: 'Concurrent' }, async (server, look) => {
    await attack(server)
    const lost = await look()
    assert.equal(judgeOne('waf-log', lost).what, 'the files of the concurrent audit log lie elsewhere than modwarden looks for them')
    assert.equal(judgeOne('log-events', lost).severity, 'bad')
    const found = await look({ settings: settingsOf({ audit_log: server.auditLog, storage_dir: server.storage }) })
    assert.deepEqual([judgeOne('waf-log', found).severity, judgeOne('log-events', found).severity], ['ok', 'ok'])
  })
})

test('disk: a database on a full disk', { skip: process.getuid?.() === 0 ? false : 'needs root to mount' }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400m,nr_inodes=20', 'tmpfs', folder])
  try {
    const path = join(folder, 'modwarden.db')
    openStore(path, { create: true }).close()
    const verdict = () => judgeOne('disk', { database: lookAtDatabase({ path, logs: [] }), logs: [] })
    assert.equal(verdict().severity, 'ok')
    execFileSync('fallocate', ['-l', '370M', join(folder, 'most')])
    assert.deepEqual([verdict().severity, verdict().what], ['warn', 'its disk is nearly full'])
    execFileSync('fallocate', ['-l', '25M', join(folder, 'rest')])
    assert.deepEqual([verdict().severity, verdict().what], ['bad', 'its disk is full: nothing can be written'])
    rmSync(join(folder, 'rest'))
    rmSync(join(folder, 'most'))
    assert.equal(verdict().severity, 'ok')
    mkdirSync(join(folder, 'many'))
    assert.throws(() => {
      for (let index = 0; index < 30; index++) writeFileSync(join(folder, `many/${index}`), '')
    }, /ENOSPC/)
    assert.equal(verdict().severity, 'bad', 'no file can be made any more')
  } finally {
    execFileSync('umount', [folder])
    rmSync(folder, { recursive: true })
  }
})
