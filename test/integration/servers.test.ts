import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startApache, whyNoApache } from '../servers/apache.ts'
import { createClients, toSeen } from '../servers/clients.ts'
import type { ServerOptions, WebServer } from '../servers/common.ts'
import { startNginx, whyNoNginx } from '../servers/nginx.ts'
import { createReading } from '../servers/reading.ts'
import { until } from '../until.ts'

type Running = { server: WebServer; clients: ReturnType<typeof createClients>; reading: ReturnType<typeof createReading> }

const SERVERS = [
  { name: 'nginx with ModSecurity 3', engine: 'v3', start: startNginx, skip: whyNoNginx() ?? false },
  { name: 'Apache with ModSecurity 2', engine: 'v2', start: startApache, skip: whyNoApache() ?? false },
]

/** Runs a server whose log is followed from the start, and ends everything whatever happens. */
async function withServer(
  start: (options: ServerOptions) => Promise<WebServer>,
  options: Pick<ServerOptions, 'format' | 'type'>,
  body: (running: Running) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-server-'))
  try {
    const server = await start({ folder, ...options })
    const reading = createReading(server)
    try {
      await body({ server, reading, clients: createClients(server.port) })
    } finally {
      await reading.close()
      await server.stop()
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Waits for the events of all requests, and checks that each is there once and says what its client knows. */
async function checkEvents({ reading, clients }: Running): Promise<void> {
  const seen = clients.seen()
  // When they do not all come, the difference says more than the wait.
  await reading.settled('all requests are read', () => toSeen(reading.events).length >= seen.length).catch(() => undefined)
  assert.deepEqual(toSeen(reading.events), seen)
  assert.deepEqual(toSeen(reading.lowEvents), [])
  assert.deepEqual(reading.problems, [])
}

for (const { name, engine, start, skip } of SERVERS) {
  for (const format of ['JSON', 'Native'] as const) {
    for (const type of ['Serial', 'Concurrent'] as const) {
      test(`${name}, ${format}, ${type}: every request becomes one event that is true`, { skip, timeout: 60_000 }, async () => {
        await withServer(start, { format, type }, async running => {
          const { clients, reading } = running
          const startedAt = Date.now()
          await clients.send(34)
          assert.equal(clients.seen().length, 34)
          for (const { uri, status, intercepted } of clients.seen()) assert.equal(status === 403, intercepted, `${status} for ${uri}`)
          await checkEvents(running)
          for (const event of reading.events.filter(({ request }) => request?.uri.includes('n=r'))) {
            assert.equal(event.format, `${engine}-${format.toLowerCase()}`)
            // Two formats log whole seconds only.
            assert.ok(event.at > startedAt - 1000 && event.at <= Date.now(), `${event.at} is not the time of the request`)
          }
        })
      })
    }
  }

  test(`${name}: nothing is lost or doubled when the log is rotated by its name`, { skip, timeout: 60_000 }, async () => {
    await withServer(start, { format: 'JSON', type: 'Serial' }, async running => {
      const { server, clients, reading } = running
      for (const rotation of [1, 2]) {
        const before = clients.seen().length
        const traffic = clients.send(40)
        await until('some requests are answered', () => clients.seen().length >= before + 10)
        rotate(server)
        await traffic
        // ModSecurity 3 goes on in the old file, whose name the second rotation gives to another one.
        await clients.send(20)
        await reading.settled('this rotation is read', () => toSeen(reading.events).length >= rotation * 60).catch(() => undefined)
      }
      await checkEvents(running)
      assert.deepEqual(
        reading.notices.filter(notice => notice !== 'log.stale-writer'),
        ['log.rotated', 'log.rotated'],
      )
    })
  })

  test(`${name}: nothing is lost or doubled when the log is copied and truncated`, { skip, timeout: 60_000 }, async () => {
    await withServer(start, { format: 'JSON', type: 'Serial' }, async running => {
      const { server, clients, reading } = running
      await clients.send(20)
      await until('something is read', () => toSeen(reading.events).length > 0)
      const release = reading.hold()
      await clients.send(40)
      await until('everything is written', () => holdsAll(server.auditLog, clients.marks()))
      copyFileSync(server.auditLog, `${server.auditLog}.1`)
      truncateSync(server.auditLog)
      assert.ok(toSeen(reading.events).length < 60, 'something must be unread, or there is nothing to lose')
      // More than before, so that the file grows past where reading stood.
      await clients.send(80)
      release()
      await checkEvents(running)
      assert.ok(reading.notices.includes('log.truncated'))
    })
  })
}

/** What logrotate does with "create" and "rotate 1". */
function rotate({ auditLog, signal }: WebServer): void {
  renameSync(auditLog, `${auditLog}.1`)
  writeFileSync(auditLog, '')
  chmodSync(auditLog, 0o666)
  signal('USR1')
}

function holdsAll(path: string, marks: readonly string[]): boolean {
  const text = readFileSync(path, 'latin1')
  return marks.every(mark => text.includes(`n=${mark}`))
}
