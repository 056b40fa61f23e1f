import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
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
