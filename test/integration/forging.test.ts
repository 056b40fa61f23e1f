import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startApache, whyNoApache } from '../servers/apache.ts'
import { createClients, toSeen } from '../servers/clients.ts'
import { type Sent, send } from '../servers/common.ts'
import { startNginx, whyNoNginx } from '../servers/nginx.ts'
import { createReading } from '../servers/reading.ts'
import { until } from '../until.ts'

const FORGER = '203.0.113.66'
const VICTIM = '198.51.100.250'

const SERVERS = [
  {
    name: 'nginx with ModSecurity 3',
    start: startNginx,
    knowledge: [false, true],
    skip: whyNoNginx() ?? false,
    record: /^---([0-9A-Za-z]{8})---A--\n[\s\S]*?^---\1---Z--\n/gm,
  },
  {
    name: 'Apache with ModSecurity 2',
    start: startApache,
    // The children of ModSecurity 2 repeat each other's boundaries: who knows them can still bring a record in (SECURITY.md).
    knowledge: [false],
    skip: whyNoApache() ?? false,
    record: /^--([0-9a-f]{8})-A--\n[\s\S]*?^--\1-Z--\n/gm,
  },
]

for (const { name, start, skip, record, knowledge } of SERVERS) {
  for (const isKnown of knowledge) {
    const whose = isKnown ? 'with boundaries that the server used' : 'with boundaries of its own'
    test(`${name}: records that a client forges ${whose} name nobody`, { skip, timeout: 60_000 }, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'modwarden-forging-'))
      const server = await start({ folder, format: 'Native', type: 'Serial' })
      const reading = createReading(server)
      const clients = createClients(server.port)
      const log = () => readFileSync(server.auditLog, 'latin1')
      try {
        await clients.send(34)
        await send(server.port, { ip: FORGER, path: "/?id=1'%20OR%20'1'='1&own=1" })
        const own = await until('the record of an attack is written', () =>
          recordsOf(log(), record).find(({ text }) => text.includes('own=1')),
        )
        for (let round = 0; round < 4; round++) {
          // The children of Apache write the same sequence of boundaries: one that lags behind will write what is already known.
          const known = isKnown ? new Set(recordsOf(log(), record).map(({ boundary }) => boundary)) : ['0123abcd', '4567cdef']
          const forged = [...known].slice(-60).map(boundary => own.text.replaceAll(own.boundary, boundary).replaceAll(FORGER, VICTIM))
          for (const carrier of carriers(forged)) await send(server.port, carrier).catch(() => undefined)
          if (!isKnown) await clients.send(6)
        }
        const isForged = new RegExp(`^--\\S+-A--\\n\\[[^\\n]+ ${VICTIM.replaceAll('.', '\\.')} `, 'm')
        assert.match(log(), isForged, 'nothing forged is in the log, so nothing was tried')
        await reading.settled('the forged requests are read', () => true)

        await clients.send(20)
        const seen = clients.seen()
        await reading.settled('the honest requests are read', () => toSeen(reading.events).length >= seen.length).catch(() => undefined)
        assert.deepEqual(
          reading.events.filter(({ ip }) => ip === VICTIM).map(({ id }) => id),
          [],
        )
        assert.deepEqual(toSeen(reading.events), seen)
      } finally {
        await reading.close()
        await server.stop()
        rmSync(folder, { recursive: true })
      }
    })
  }
}

/** Requests that bring forged records into the log, by every way that leads there. */
function carriers(forged: readonly string[]): Sent[] {
  const all = forged.map(text => `\n${closing(text)}\n\n${text}\n`).join('')
  const [last = ''] = forged.slice(-1)
  const short = `\n${closing(last)}\n\n${last}\n`
  const post = (type: string, body: string): Sent => ({
    ip: FORGER,
    method: 'POST',
    path: '/forged',
    headers: { 'Content-Type': type },
    body,
  })
  return [
    post('application/x-www-form-urlencoded', `text=${all}`),
    post('application/x-www-form-urlencoded', `${all}=1' OR '1'='1`),
    post('text/plain', all),
    post('application/json', `{"text":"${all}"}`),
    post(
      'multipart/form-data; boundary=x',
      `--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n${all}\r\n--x--\r\n`,
    ),
    { ip: FORGER, path: '/', headers: { 'User-Agent': `sqlmap ${short.replaceAll('\n', '  ')}` } },
    { ip: FORGER, path: `/${encodeURIComponent(short).slice(0, 6000)}?id=1'%20OR%20'1'='1` },
    { ip: FORGER, path: `/?${encodeURIComponent(short).slice(0, 6000)}=1'%20OR%20'1'='1` },
  ]
}

/** The heading that would end the record with the same boundary. */
function closing(text: string): string {
  return text.trimEnd().split('\n').at(-1)!
}

function recordsOf(log: string, record: RegExp): { boundary: string; text: string }[] {
  return [...log.matchAll(record)].map(found => ({ boundary: found[1]!, text: found[0] }))
}
