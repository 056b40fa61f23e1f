import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openStore } from '../../src/edge/store/store.ts'
import { modwarden, openFolder } from './modwarden.ts'

const folder = openFolder('modwarden-feeds-')
after(() => rmSync(folder, { recursive: true }))
const database = join(folder, 'modwarden.db')
const config = join(folder, 'modwarden.toml')
writeFileSync(
  config,
  `database = "${database}"\nallowlist = ["203.0.113.7"]\ntrusted_proxies = ["203.0.113.64/28"]\nclient_ip_header = "X-Real-IP"\n`,
)
openStore(database, { create: true }).close()
chmodSync(database, 0o666)

const run = (...args: string[]) => modwarden(['--config', config, ...args])
const list = (name: string, content: string | Buffer) => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
const standing = async () => (await run('blocks', '--json')).objects() as Record<string, string>[]

test('a list is imported with its origin and expiry, renewed by the same origin, and ended by it', async () => {
  const path = list('drop.txt', '# our list\n198.51.100.1\n198.51.100.1\n198.51.101.0/24 ; SBL1\n2001:db8:5::1\n')
  const [first] = (await run('import', path, '--for', '1d', '--json')).objects() as Record<string, unknown>[]
  assert.deepEqual([first!.origin, first!.imported, first!.already_blocked, first!.refused], ['drop.txt', 3, 0, 0])
  const blocks = await standing()
  assert.deepEqual(
    blocks.map(({ ip, reason, origin }) => [ip, reason, origin]),
    [
      ['198.51.100.1', 'imported', 'drop.txt'],
      ['198.51.101.0/24', 'imported', 'drop.txt'],
      ['2001:db8:5::/64', 'imported', 'drop.txt'],
    ],
  )
  assert.equal(Date.parse(blocks[0]!.expires_at!) - Date.parse(blocks[0]!.blocked_at!), 86_400_000)

  await run('block', '198.51.100.9', '--for', '-1')
  const packed = list('other.gz', gzipSync('198.51.100.1\n198.51.100.9\n198.51.100.10\n'))
  const other = await run('import', packed, '--origin', 'other')
  assert.match(other.out, /1 addresses of other are blocked, ends in 1 h; 2 were blocked already/)
  const renewed = await run('import', path, '--for', '-1')
  assert.match(renewed.out, /3 addresses of drop\.txt are blocked, ends never/)
  assert.equal((await standing()).find(({ ip }) => ip === '198.51.100.1')!.expires_at, null)

  await run('unblock', '--origin', 'drop.txt')
  assert.deepEqual((await standing()).map(({ ip }) => ip).sort(), ['198.51.100.10', '198.51.100.9'])
})

test('hostile lists: what is garbage, too wide, allowed, a proxy or this machine is refused aloud, the rest is imported', async () => {
  const path = list(
    'bad.txt',
    [
      '0.0.0.0/0',
      '::/0',
      '127.0.0.1',
      '203.0.113.0/24',
      '203.0.113.7',
      '203.0.113.65',
      '<html>\x1b[31m',
      '198.51.100.20',
      "1'; DROP TABLE blocks",
    ].join('\n'),
  )
  const { code, out, errors } = await run('import', path)
  assert.equal(code, 1)
  assert.match(out, /^1 addresses of bad\.txt/)
  for (const problem of [
    /line 1 is too wide/,
    /line 2 is too wide/,
    /127\.0\.0\.1 is \(or holds\) an allowed address/,
    /203\.0\.113\.0\/24 is \(or holds\)/,
    /203\.0\.113\.7 is/,
    /203\.0\.113\.65 is/,
    /line 7 must be an IP address .*x1b/,
  ])
    assert.match(errors, problem)
  assert.equal(errors.includes('\x1b'), false)
  const binary = await run('import', list('binary', Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7919) % 256))))
  assert.equal(binary.code, 1)
  assert.ok(binary.errors.split('\n').length < 25)
})

test('a list that is far too long is refused whole', async () => {
  const ids = async () => (await standing()).map(({ id }) => id)
  const before = await ids()
  const many = await run(
    'import',
    list('many', Array.from({ length: 100_001 }, (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}\n`).join('')),
  )
  assert.equal(many.code, 1)
  assert.match(many.errors, /more than 100000 addresses; nothing was imported/)
  const huge = await run('import', list('huge.gz', gzipSync(Buffer.alloc(20 * 2 ** 20, '#'))))
  assert.match(huge.errors, /longer than 16777216 bytes; nothing was imported/)
  assert.deepEqual(await ids(), before)
})

test('what is exported can be imported elsewhere', async () => {
  await run('unblock', '--all')
  await run('block', '198.51.100.1', '198.51.101.0/24', '2001:db8:7::1')
  const plain = (await run('export')).out
  assert.deepEqual(plain.split('\n').sort(), ['', '198.51.100.1', '198.51.101.0/24', '2001:db8:7::/64'])
  await run('unblock', '--all')
  const { out } = await modwarden(['--config', config, 'import', '-', '--origin', 'twin'], plain)
  assert.match(out, /^3 addresses of twin/)
  assert.equal((await run('export', '--jail', 'a b', '--format', 'fail2ban')).code, 64)
})

const nginx = spawnSync('nginx', ['-v']).error === undefined
test('a real nginx takes the geo block', { skip: nginx ? false : 'nginx is not installed' }, async () => {
  await run('block', '198.51.100.1', '198.51.101.0/24', '2001:db8:7::1')
  const geo = list('denied.conf', (await run('export', '--format', 'nginx')).out)
  const conf = list(
    'nginx.conf',
    `pid ${folder}/nginx.pid; error_log stderr; events {} http { access_log off; include ${geo}; server { listen 127.0.0.1:1; if ($modwarden_denied) { return 403; } } }`,
  )
  execFileSync('nginx', ['-t', '-q', '-c', conf, '-p', folder], { stdio: 'pipe' })
})

test('a hundred thousand addresses are imported in a few seconds', async () => {
  const path = list(
    'full',
    Array.from({ length: 100_000 }, (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}\n`).join(''),
  )
  const started = performance.now()
  assert.match((await run('import', path)).out, /^100000 addresses/)
  const seconds = (performance.now() - started) / 1000
  assert.ok(seconds < 30, `${seconds} s`)
})
