import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startApache, whyNoApache } from '../servers/apache.ts'
import { createClients, toSeen } from '../servers/clients.ts'
import { send } from '../servers/common.ts'
import { startNginx, whyNoNginx } from '../servers/nginx.ts'
import { createReading } from '../servers/reading.ts'
import { until } from '../until.ts'

const SHIPPED = fileURLToPath(new URL('../../modsecurity/audit-log/', import.meta.url))
const LOG = '/var/log/modsecurity/audit.log'
const whyNoLogrotate = existsSync('/usr/sbin/logrotate') ? undefined : 'needs logrotate (scripts/setup-debian installs it)'
const SERVERS = [
  { name: 'nginx', format: 'v3-json', start: startNginx, skip: whyNoNginx() ?? whyNoLogrotate ?? false },
  { name: 'apache', format: 'v2-json', start: startApache, skip: whyNoApache() ?? whyNoLogrotate ?? false },
]

/** A folder for the test's log, and the shipped settings for a server that name that log. */
function place(name: string): { folder: string; log: string; shipped: string } {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-settings-'))
  const log = join(folder, 'log/audit.log')
  return { folder, log, shipped: readFileSync(join(SHIPPED, `modwarden-audit-log-${name}.conf`), 'utf8').replace(LOG, log) }
}

for (const { name, format, start, skip } of SERVERS)
  test(`the audit-log settings and the rotation for ${name}: what matters is logged, and nothing is lost`, {
    skip,
    timeout: 60_000,
  }, async () => {
    const { folder, log, shipped } = place(name)
    try {
      // What stands before is Debian's default or worse: every setting of it must be replaced.
      const server = await start({ folder, format: 'Native', type: 'Concurrent', parts: 'ABEFHKZ', moreRules: shipped })
      const reading = createReading(server)
      try {
        const clients = createClients(server.port)
        await clients.send(34)
        await send(server.port, { ip: '192.0.2.7', path: '/missing/n=r-no' })
        const relevant = () => clients.seen().filter(({ status }) => status >= 400 && status !== 404)
        await reading.settled('the attacks are read', () => toSeen(reading.events).length >= relevant().length)
        assert.deepEqual(toSeen(reading.events), relevant(), 'all attacks with their bodies, and nothing ordinary')
        assert.ok(reading.events.every(event => event.format === format))
        rotate(folder, log, name, server.pid)
        if (name === 'apache')
          await until('it is reloaded', () => readFileSync(join(folder, 'error.log'), 'utf8').split('AH00489').length > 2)
        await clients.send(34)
        await reading.settled('what comes behind the rotation is read', () => toSeen(reading.events).length >= relevant().length)
        assert.deepEqual(toSeen(reading.events), relevant())
        assert.ok(existsSync(`${log}.1`))
        assert.deepEqual(reading.problems, [])
      } finally {
        await reading.close()
        await server.stop()
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

for (const { name, start, skip } of SERVERS)
  test(`the audit-log settings for ${name}: pages that were sent stay out of the log where nothing is denied`, {
    skip,
    timeout: 60_000,
  }, async () => {
    const { folder, log, shipped } = place(name)
    // As Debian recommends it: the rules look at pages, and many of them then have the page logged (ctl:auditLogParts=+E).
    const recommended = 'SecRuleEngine DetectionOnly\nSecResponseBodyAccess On\nSecResponseBodyMimeType text/html'
    try {
      const server = await start({ folder, format: 'JSON', type: 'Serial', moreRules: `${recommended}\n${shipped}` })
      try {
        assert.equal(await send(server.port, { ip: '192.0.2.7', path: '/?q=<script>alert(1)</script>' }), 200)
        await until('it is logged', () => readFileSync(log, 'utf8').includes('941110'))
        assert.doesNotMatch(readFileSync(log, 'utf8'), /<p>shop/)
      } finally {
        await server.stop()
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

/** Runs the real logrotate with the file that is shipped; only the paths and the way to reload this one server are changed. */
function rotate(folder: string, log: string, name: string, pid: number): void {
  const path = join(folder, 'logrotate.conf')
  const text = readFileSync(join(SHIPPED, `logrotate-${name}`), 'utf8')
    .replaceAll(LOG, log)
    .replace(/if pgrep .*fi/, `kill -USR1 ${pid}`)
  writeFileSync(path, text, { mode: 0o644 })
  execFileSync('/usr/sbin/logrotate', ['--force', '--state', join(folder, 'logrotate.state'), path], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}
