// Runs inside the container that test/integration/systemd.test.ts boots: the unit of the scoring server.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { judgeOne } from '../../doctor-facts.ts'
import { get, open, post } from '../../edge/scoring/scorer.ts'
import { netstrings } from '../../scoring-messages.ts'
import { until } from '../../until.ts'

assert.equal(process.env.WITH_SYSTEMD, '1', 'only inside the container')
const SOCKET = '/run/modwarden-score/score.sock'
const SAMPLES = '/var/lib/modwarden-score/clean.jsonl'
const ML = 'application/x-modsec-ml'

const out = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8' })
const property = (name: string) => out('systemctl', 'show', 'modwarden-score', '--value', '-p', name).trim()
const pid = () => Number(property('MainPID'))
const asked = (user: string) =>
  spawnSync('runuser', ['-u', user, '--', 'curl', '-s', '--unix-socket', SOCKET, 'http://localhost/healthz'], { encoding: 'utf8' })
const ordinary = (page: number) => netstrings([['ip', '192.0.2.1'], ['u', `/shop?page=${page}`], ['h', 'Host\0shop.example'], ['cs', '0']]) // biome-ignore format: a list
const ask = (page = 1) => post(SOCKET, '/v1/score', ML, ordinary(page))
const answers = async () => existsSync(SOCKET) && (await ask()).status === 200

/** Trains as the daemon's user does, so that the host is known: the base model alone leaves each decision to the WAF. */
function train(): void {
  const lines = Array.from({ length: 200 }, (_, index) => JSON.stringify({ uri: `/shop?page=${index}`, headers: { Host: 'shop.example' } }))
  writeFileSync('/tmp/clean.jsonl', `${lines.join('\n')}\n`)
  out('runuser', '-u', 'modwarden', '--', 'sh', '-c', 'umask 077; exec modwarden train --from /tmp/clean.jsonl --activate')
}

before(train)
after(() => {
  spawnSync('systemctl', ['stop', 'modwarden-score'])
  // The tests of the daemon count on the base model.
  spawnSync('modwarden', ['models', 'activate', 'base'])
})

test('starts as its own user without any capability', async () => {
  out('systemctl', 'start', 'modwarden-score')
  assert.equal(property('ActiveState'), 'active')
  assert.equal(property('StatusText'), 'scoring')
  const status = readFileSync(`/proc/${pid()}/status`, 'utf8')
  assert.match(status, /CapEff:\s+0+\n/)
  assert.equal(/Uid:\s+(\d+)/.exec(status)![1], out('id', '-u', 'modwarden-score').trim())
  assert.equal((await ask()).status, 200)
})

test('the web server may ask, others may not', () => {
  assert.equal(statSync(SOCKET).mode & 0o777, 0o660)
  assert.equal(statSync(SOCKET).gid, Number(out('id', '-g', 'www-data')))
  assert.equal(asked('www-data').stdout, 'ok\n')
  assert.notEqual(asked('nobody').status, 0)
})

test('the command that doctor tells lets a web server of another group ask', async () => {
  const scorer = { path: SOCKET, exists: true, problem: `connect EACCES ${SOCKET}`, status: undefined }
  const { remedy } = judgeOne('scorer', { webUser: { user: 'nobody', scorer, otherScorer: undefined, writable: [] } })
  const made = [...remedy!.matchAll(/> (\S+)/g)].map(match => match[1]!)
  try {
    out('sh', '-c', remedy!)
    assert.equal(asked('nobody').stdout, 'ok\n')
  } finally {
    for (const path of made) rmSync(path, { force: true })
    out('systemctl', 'daemon-reload')
    spawnSync('systemctl', ['reset-failed', 'modwarden-score'])
    out('systemctl', 'restart', 'modwarden-score')
  }
  assert.notEqual(asked('nobody').status, 0)
})

test('it sees the models, but neither the database nor the logs', () => {
  writeFileSync('/var/lib/modwarden/secret', '')
  assert.deepEqual(readdirSync(`/proc/${pid()}/root/var/lib/modwarden`), ['models'])
  assert.throws(() => out('nsenter', '-t', String(pid()), '-m', 'ls', '/var/log/modsecurity'))
})

test('a model that the daemon trains takes over within two seconds', async () => {
  train()
  const version = readdirSync('/var/lib/modwarden/models')
    .filter(name => /^\d{4}-.*\.json$/.test(name))
    .sort()
    .at(-1)!
    .replace('.json', '')
  await until('it scores', async () => (await get(SOCKET, '/metrics')).body.includes(`version="${version}"`), 10_000)
})

test('who is blocked by the daemon is denied', async () => {
  const before = existsSync('/run/modwarden')
  out('install', '-d', '-m', '755', '/run/modwarden')
  writeFileSync('/run/modwarden/denied', '192.0.2.1 -\n')
  await until('he is denied', async () => (await ask()).body === '10.00 deny\n', 10_000)
  execFileSync('rm', ['/run/modwarden/denied'])
  await until('he is asked about again', async () => (await ask()).body !== '10.00 deny\n', 10_000)
  if (!before) execFileSync('rmdir', ['/run/modwarden'])
})

test('a kill -9 and a hang end in a new start', { timeout: 60_000 }, async () => {
  const first = pid()
  process.kill(first, 'SIGKILL')
  await until('another one answers', async () => pid() !== first && pid() !== 0 && (await answers()), 20_000)
  const second = pid()
  process.kill(second, 'SIGSTOP')
  await until(
    'another one answers',
    async () => pid() !== second && pid() !== 0 && property('ActiveState') === 'active' && (await answers()),
    20_000,
  )
})

test('ten thousand idle connections fit into 150 MB', { timeout: 60_000 }, async t => {
  const idle: Socket[] = []
  while (idle.length < 10_000) {
    const some = Array.from({ length: 100 }, () => open(SOCKET).on('error', () => {}))
    await Promise.all(some.map(one => once(one, 'connect')))
    idle.push(...some)
    for (const one of some) one.write('GET / HTTP/1.1\r\n\r\n')
    await Promise.all(some.map(one => once(one, 'data')))
  }
  const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid()}/status`, 'utf8'))![1]) / 1024
  t.diagnostic(`${Math.round(rss)} MB`)
  assert.ok(rss < 150, `${rss} MB`)
  assert.equal((await ask()).status, 200)
  for (const one of idle) one.destroy()
})

test('a stop is quick, leaves no socket, and the clean samples are there for the daemon to train on', async () => {
  for (let page = 0; page < 100; page++) await ask(page)
  const began = Date.now()
  out('systemctl', 'stop', 'modwarden-score')
  assert.ok(Date.now() - began < 1500, `${Date.now() - began} ms`)
  assert.equal(property('Result'), 'success')
  assert.ok(!existsSync(SOCKET))
  assert.equal(statSync(SAMPLES).mode & 0o777, 0o640)
  assert.notEqual(spawnSync('runuser', ['-u', 'www-data', '--', 'cat', SAMPLES]).status, 0)
  assert.match(out('runuser', '-u', 'modwarden', '--', 'modwarden', 'train', '--from', SAMPLES), /trained on/)
})
