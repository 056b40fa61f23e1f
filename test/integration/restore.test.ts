import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { allowLine, blockLine } from '../../src/core/standing-lines.ts'
import { openStore } from '../../src/edge/store/store.ts'
import { createNamespace, whyNoNamespace } from '../netns.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const skip = whyNoNamespace() ?? false
const HOUR = 3_600_000
type Ground = {
  database: string
  restore: (settings?: string) => { status: number | null; stdout: string; stderr: string }
  rules: () => Promise<string>
}

/** A machine that has just booted: an empty firewall, and the database as it was. */
function booted(name: string, work: (ground: Ground) => Promise<void>): void {
  test(name, { skip }, async () => {
    const namespace = createNamespace()
    const folder = mkdtempSync(join(tmpdir(), 'modwarden-restore-'))
    const [database, config] = [join(folder, 'modwarden.db'), join(folder, 'modwarden.toml')]
    try {
      await work({
        database,
        restore(settings = '') {
          writeFileSync(config, `database = "${database}"\n${settings}\n`)
          const env = { ...process.env, MODWARDEN_CONFIG: config }
          return spawnSync('ip', ['netns', 'exec', namespace.name, process.execPath, MAIN, 'restore'], { encoding: 'utf8', env })
        },
        rules: async () => (await namespace.run('nft', ['list', 'ruleset'])) + (await namespace.run('iptables', ['-S'])),
      })
    } finally {
      namespace.remove()
      rmSync(folder, { recursive: true })
    }
  })
}

/** Leaves a database as a daemon does that was killed by a power cut (in WAL), or as one that was stopped. */
function leave(path: string, ips: readonly string[], { killed = false } = {}): void {
  const live = `${path}.live`
  const store = openStore(live, { create: true })
  const blockedAt = Date.now()
  for (const ip of ips) store.blocks.add({ ip, reason: 'high-score', score: 9, threatCount: 1, blockedAt, expiresAt: blockedAt + HOUR })
  const past = { ip: '192.0.2.99', reason: 'high-score', score: 9, threatCount: 1, blockedAt: 0, expiresAt: blockedAt - 1 } as const
  store.blocks.add(past)
  store.allow.add({ network: '198.51.100.7', reason: '', addedAt: blockedAt, expiresAt: Number.POSITIVE_INFINITY })
  if (!killed) store.close()
  for (const suffix of ['', '-wal']) if (existsSync(live + suffix)) copyFileSync(live + suffix, path + suffix)
  assert.equal(existsSync(`${path}-wal`), killed)
  if (killed) store.close()
}

for (const killed of [true, false]) {
  booted(
    `what stands is in the kernel again, ${killed ? 'also after a power cut' : 'after a clean stop'}`,
    async ({ database, restore, rules }) => {
      leave(database, ['192.0.2.1', '198.51.100.0/24', '198.51.100.7', '203.0.113.5'], { killed })
      const { status, stdout, stderr } = restore('firewall = "nftables"\nallowlist = ["203.0.113.0/28"]')
      assert.deepEqual([status, stderr], [0, ''])
      assert.deepEqual(JSON.parse(stdout).event, 'blocks.restored')
      const held = await rules()
      assert.match(held, /elements = \{ 192\.0\.2\.1 timeout/)
      assert.match(held, /elements = \{ 198\.51\.100\.0 timeout/)
      assert.match(held, /ip saddr 198\.51\.100\.7 return/)
      // The time of the one is over, the other one is allowed by the settings now.
      assert.doesNotMatch(held, /192\.0\.2\.99|203\.0\.113\.5/)
    },
  )
}

const quiet = [
  { name: 'there is no database yet', settings: '' },
  { name: 'nothing stands', settings: '', ips: [] },
  { name: 'the mode is to observe', settings: 'mode = "observe"', ips: ['192.0.2.1'] },
  { name: 'the firewall is dry-run', settings: 'firewall = "dry-run"', ips: ['192.0.2.1'] },
]
for (const { name, settings, ips } of quiet) {
  booted(`nothing is done and nothing said when ${name}`, async ({ database, restore, rules }) => {
    if (ips !== undefined) leave(database, ips)
    const { status, stdout, stderr } = restore(settings)
    assert.deepEqual([status, stdout, stderr], [0, '', ''])
    assert.doesNotMatch(await rules(), /modwarden/i)
  })
}

booted('a damaged database is told in one line, and left as it is for the daemon', async ({ database, restore }) => {
  writeFileSync(database, 'no database at all, but long enough to be read as a page of one. '.repeat(100))
  const { status, stdout } = restore()
  const line = JSON.parse(stdout) as Record<string, unknown>
  assert.deepEqual([status, line.event, line.database, line.level], [1, 'restore.failed', database, 50])
  assert.match(String(line.problem), /not a database/)
})

const FILE_BLOCK = { reason: 'manual', score: 0, threatCount: 0, step: 1, isCorroborated: false, origin: '', note: '' } as const
const ends = () => Date.now() + HOUR

/** The file beside the database, as the daemon writes it. */
function leaveStanding(database: string, ips: readonly string[], more: readonly string[] = []): void {
  const blockedAt = Date.now()
  const blocks = ips.map(ip => blockLine({ ...FILE_BLOCK, ip, enforcement: 'firewall', blockedAt, expiresAt: ends() }))
  const allowed = allowLine({ network: '198.51.100.7', reason: '', addedAt: blockedAt, expiresAt: Number.POSITIVE_INFINITY })
  writeFileSync(`${database}.standing`, `${[allowed, ...blocks, ...more].join('\n')}\n`)
}

const damages = [
  { name: 'overwritten', damage: (path: string) => writeFileSync(path, 'no database at all, but as long as a page of one. '.repeat(100)) },
  { name: 'emptied', damage: (path: string) => writeFileSync(path, '') },
  {
    name: 'overwritten in its middle',
    damage(path: string) {
      leave(path, ['192.0.2.200'])
      const bytes = readFileSync(path)
      writeFileSync(path, bytes.fill(0xa5, 4096))
    },
  },
]
for (const { name, damage } of damages) {
  booted(`what stood by the file is in the kernel when the database was ${name}`, async ({ database, restore, rules }) => {
    damage(database)
    const proxied = blockLine({ ...FILE_BLOCK, ip: '192.0.2.50', enforcement: 'proxied', blockedAt: 0, expiresAt: ends() })
    const past = blockLine({ ...FILE_BLOCK, ip: '192.0.2.99', enforcement: 'firewall', blockedAt: 0, expiresAt: Date.now() - 1 })
    leaveStanding(database, ['192.0.2.1', '198.51.100.0/24', '198.51.100.7', '203.0.113.5'], [proxied, past, '{"ip":"0.0.0.0/0"}'])
    const { status, stdout, stderr } = restore('firewall = "nftables"\nallowlist = ["203.0.113.0/28"]')
    const [told, restored] = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>)
    assert.deepEqual([status, stderr, told?.event, told?.level], [0, '', 'database.damaged', 50])
    assert.deepEqual(told?.left_out, { malformed: 1, expired: 1, allowed: 2, beyond_limit: 0 })
    assert.deepEqual([restored?.event, restored?.blocks], ['blocks.restored', 2])
    const held = await rules()
    assert.match(held, /elements = \{ 192\.0\.2\.1 timeout/)
    assert.match(held, /elements = \{ 198\.51\.100\.0 timeout/)
    assert.match(held, /ip saddr 198\.51\.100\.7 return/)
    assert.doesNotMatch(held, /192\.0\.2\.50|192\.0\.2\.99|203\.0\.113\.5/)
  })
}

booted('the file is not looked at while the database is sound', async ({ database, restore, rules }) => {
  leave(database, ['192.0.2.1'])
  leaveStanding(database, ['192.0.2.2'])
  assert.equal(restore('firewall = "nftables"').status, 0)
  assert.match(await rules(), /192\.0\.2\.1 timeout/)
  assert.doesNotMatch(await rules(), /192\.0\.2\.2/)
})

booted('a pipe in the place of the file holds up no boot', async ({ database, restore }) => {
  writeFileSync(database, 'no database at all, but as long as a page of one. '.repeat(100))
  spawnSync('mkfifo', [`${database}.standing`])
  const { status, stdout } = restore()
  assert.equal(status, 1)
  assert.match(stdout, /what stood cannot be read: .* is no file.*"restore\.failed"/)
})

booted('100,000 blocks are back from the file within 5 seconds', async ({ database, restore, rules }) => {
  writeFileSync(database, 'no database at all, but as long as a page of one. '.repeat(100))
  leaveStanding(
    database,
    Array.from({ length: 100_000 }, (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`),
  )
  const began = Date.now()
  const { status } = restore('firewall = "nftables"')
  const took = Date.now() - began
  assert.equal(status, 0)
  assert.match(await rules(), /10\.1\.134\.159 timeout/)
  // Twice what the unit allows: other tests run beside this one.
  assert.ok(took < 10_000, `${took} ms`)
})

booted('a database that somebody locks is given up within two seconds', async ({ database, restore }) => {
  leave(database, ['192.0.2.1'])
  const holder = new Sqlite(database)
  holder.exec('BEGIN EXCLUSIVE')
  const began = Date.now()
  const { status, stdout } = restore()
  assert.ok(Date.now() - began < 2000, `${Date.now() - began} ms`)
  assert.equal(status, 1)
  assert.match(stdout, /database is locked.*"restore\.failed"/)
  holder.exec('ROLLBACK')
  holder.close()
})

booted('wrong settings end with 78', async ({ restore }) => {
  assert.equal(restore('mode = "perhaps"').status, 78)
})
