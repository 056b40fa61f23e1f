import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readRequests } from '../../../src/cli/requests.ts'
import { type Scored, scoreRequest } from '../../../src/core/model/model.ts'
import { activateModel } from '../../../src/edge/model-folder.ts'
import { requestTo, trainedModel, trainOn } from '../../core/model/samples.ts'
import { netstrings, originalMessage } from '../../scoring-messages.ts'
import { until } from '../../until.ts'
import { get, keepAsking, open, post, startScorer } from './scorer.ts'

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))
const ML = 'application/x-modsec-ml'
const ordinary = netstrings([['u', '/shop?page=2'], ['h', 'Host\0shop.example'], ['h', 'Cookie\0sid=S3cret'], ['cs', '0']]) // biome-ignore format: a list

const newFolder = () => mkdtempSync(join(tmpdir(), 'modwarden-life-'))

/** A model that knows the host of the ordinary request. */
const shopModel = trainOn(
  Array.from({ length: 400 }, (_, page) =>
    requestTo(`/shop?page=${page % 30}`, {
      headers: [
        ['Host', 'shop.example'],
        ['Cookie', 'sid=S3cret'],
      ],
    }),
  ),
).model

/** A scorer as a process of its own. */
async function startProcess(folder: string, t: TestContext, prefix: readonly string[] = []) {
  writeFileSync(
    join(folder, 'modwarden.toml'),
    `model_dir = "${folder}/models"\ndenied_file = "${folder}/denied"\n[score]\nsocket = "${folder}/score.sock"\ngroup = "${process.getgid!()}"\nstate_dir = "${folder}"\ndeadline = "2000ms"\n`,
  )
  activateModel(join(folder, 'models'), shopModel)
  const [program, ...args] = [...prefix, process.execPath, MAIN, '--config', join(folder, 'modwarden.toml'), 'serve']
  const child = spawn(program!, args)
  t.after(() => child.kill('SIGKILL'))
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk))
  await until('it has started or failed', () => text.includes('scorer.started') || child.exitCode !== null, 20_000)
  return { child, text: () => text, socket: join(folder, 'score.sock') }
}

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode
}

test('the original plugin has scores of the site that the settings name, and none without', { timeout: 60_000 }, async t => {
  const message = (page: string) => originalMessage({ path: '/shop', args: [['page', page]] })
  const cases: [Record<string, unknown>, string, number][] = [
    [{ site: 'Shop.example:443' }, '2', 200],
    [{ site: 'shop.example' }, "1' UNION SELECT password FROM users -- ../../etc/passwd", 401],
    [{ site: 'other.example' }, '2', 503],
    [{}, '2', 503],
  ]
  for (const [score, page, status] of cases) {
    const folder = newFolder()
    activateModel(join(folder, 'models'), shopModel)
    const scorer = await startScorer({ folder, score, parts: { score: scoreRequest } })
    t.after(() => scorer.stop())
    const answer = await post(scorer.socket, '/', 'application/x-www-form-urlencoded', message(page))
    assert.equal(answer.status, status, `${JSON.stringify(score)}: ${answer.body}`)
  }
})

test('a stop answers what is under way, keeps the samples and leaves no socket', { timeout: 60_000 }, async t => {
  const folder = newFolder()
  t.after(() => rmSync(folder, { recursive: true }))
  const { child, socket, text } = await startProcess(folder, t)
  assert.equal((await post(socket, '/v1/score', ML, ordinary)).status, 200)
  const answers: number[] = []
  let isStopped = false
  const asking = Promise.all(
    Array.from({ length: 8 }, () =>
      keepAsking(
        socket,
        () => (isStopped ? undefined : { body: ordinary }),
        ({ status, headers }) => {
          answers.push(status)
          // Told to go away: a client that goes on all the same has only itself to blame.
          if (/connection: close/i.test(headers)) throw new Error('told')
        },
      ).catch((error: Error) => error.message),
    ),
  )
  await until('requests are under way', () => answers.length > 100)
  child.kill('SIGTERM')
  assert.equal(await ended(child), 0)
  isStopped = true
  const ends = await asking
  assert.ok(answers.every(status => status === 200))
  assert.ok(
    ends.every(end => end === 'told' || end === 'the scorer closed the connection'),
    ends.join(', '),
  )
  assert.equal(existsSync(socket), false)
  assert.match(text(), /scorer\.stopped/)
  const lines = []
  for await (const line of readRequests([join(folder, 'clean.jsonl')])) lines.push(line)
  assert.ok(lines.length > 50 && lines.every(line => line.ok))
  assert.doesNotMatch(readFileSync(join(folder, 'clean.jsonl'), 'utf8'), /S3cret/)
})

test('a hangup is a stop like any other: whoever means a reload gets one from systemd', { timeout: 60_000 }, async t => {
  const folder = newFolder()
  t.after(() => rmSync(folder, { recursive: true }))
  const { child, socket } = await startProcess(folder, t)
  assert.equal((await post(socket, '/v1/score', ML, ordinary)).status, 200)
  child.kill('SIGHUP')
  assert.equal(await ended(child), 0)
  assert.deepEqual([existsSync(socket), existsSync(join(folder, 'clean.jsonl'))], [false, true])
})

test('a socket left by a kill -9 is replaced, that of a living one is not, and what is no socket neither', { timeout: 60_000 }, async t => {
  const folder = newFolder()
  t.after(() => rmSync(folder, { recursive: true }))
  const first = await startProcess(folder, t)
  first.child.kill('SIGKILL')
  await ended(first.child)
  assert.ok(lstatSync(first.socket).isSocket())
  const second = await startProcess(folder, t)
  assert.equal((await post(second.socket, '/v1/score', ML, ordinary)).status, 200)
  const third = await startProcess(folder, t)
  assert.equal(await ended(third.child), 1)
  assert.match(third.text(), /another scorer answers on .*score\.sock; stop it first/)
  assert.equal((await post(second.socket, '/v1/score', ML, ordinary)).status, 200)
  second.child.kill('SIGTERM')
  assert.equal(await ended(second.child), 0)
  writeFileSync(second.socket, 'mine')
  const fourth = await startProcess(folder, t)
  assert.equal(await ended(fourth.child), 1)
  assert.match(fourth.text(), /is no socket; remove it/)
  assert.equal(readFileSync(second.socket, 'utf8'), 'mine')
})

test('of several that start over a dead socket at once exactly one stays', { timeout: 60_000 }, async t => {
  const folder = newFolder()
  t.after(() => rmSync(folder, { recursive: true }))
  const dead = await startProcess(folder, t)
  dead.child.kill('SIGKILL')
  await ended(dead.child)
  const all = await Promise.all(Array.from({ length: 4 }, () => startProcess(folder, t)))
  await until('three have given up', () => all.filter(({ child }) => child.exitCode === 1).length === 3)
  assert.equal((await post(dead.socket, '/v1/score', ML, ordinary)).status, 200)
  for (const { child } of all) child.kill('SIGTERM')
  for (const { child } of all) await ended(child)
})

test('a newly activated model takes over under load without one refused request; a damaged one is told and not taken', {
  timeout: 60_000,
}, async t => {
  // Noise of the machine is no refusal: only what the change itself refuses counts.
  const scorer = await startScorer({ score: { deadline: '2000ms' } })
  t.after(() => scorer.stop())
  const folder = join(scorer.folder, 'models')
  let isOver = false
  const statuses = new Map<number, number>()
  const asking = Promise.all(
    Array.from({ length: 4 }, () =>
      keepAsking(
        scorer.socket,
        () => (isOver ? undefined : { body: ordinary }),
        ({ status }) => statuses.set(status, (statuses.get(status) ?? 0) + 1),
      ),
    ),
  )
  for (const version of ['second', 'third']) {
    activateModel(folder, { ...trainedModel({ count: 30 }), version })
    await until(`${version} scores`, () => scorer.told.some(({ event, fields }) => event === 'model.activated' && fields.model === version))
  }
  writeFileSync(join(folder, 'active.json'), 'damaged')
  await until('the damaged one is told', () => scorer.told.some(({ event }) => event === 'model.refused'))
  isOver = true
  await asking
  assert.deepEqual([...statuses.keys()], [200])
  assert.match((await get(scorer.socket, '/metrics')).body, /model_info\{version="third"\} 1/)
})

test('samples survive a restart; a damaged file is set aside and what can be read of it is kept', async t => {
  const first = await startScorer()
  for (let index = 0; index < 20; index++) assert.equal((await post(first.socket, '/v1/score', ML, ordinary)).status, 200)
  await first.stop({ keep: true })
  const path = join(first.folder, 'clean.jsonl')
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  assert.equal(lines.length, 20)
  appendFileSync(path, '{"uri": "/cut', 'utf8')
  const second = await startScorer({ folder: first.folder })
  t.after(() => second.stop())
  assert.ok(second.told.some(({ event }) => event === 'samples.set-aside'))
  assert.ok(existsSync(`${path}.damaged`))
  assert.match((await get(second.socket, '/metrics')).body, /^modwarden_score_samples 20$/m)
})

test('what the rules or the model objected to, or what does not say, is no sample; nor is anything when it is switched off', async t => {
  const score = (_: unknown, { uri }: { uri: string }) => ({ score: uri === '/odd' ? 5 : 1, raw: 0 }) as Scored
  const scorer = await startScorer({ parts: { score } })
  t.after(() => scorer.stop())
  for (const fields of [[['u', '/'], ['cs', '5']], [['u', '/']], [['u', '/odd'], ['cs', '0']], [['u', '/'], ['cs', 'x']]] as [string, string][][]) // biome-ignore format: a list
    assert.equal((await post(scorer.socket, '/v1/score', ML, netstrings(fields))).status, 200)
  assert.match((await get(scorer.socket, '/metrics')).body, /^modwarden_score_samples 0$/m)
  const off = await startScorer({ score: { reservoir: 0 } })
  await post(off.socket, '/v1/score', ML, ordinary)
  await off.stop({ keep: true })
  assert.equal(existsSync(join(off.folder, 'clean.jsonl')), false)
  rmSync(off.folder, { recursive: true })
})

test('a full state folder is told and the scoring goes on', async t => {
  const scorer = await startScorer()
  mkdirSync(join(scorer.folder, 'clean.jsonl.new'))
  t.after(() => rmSync(scorer.folder, { recursive: true, force: true }))
  await post(scorer.socket, '/v1/score', ML, ordinary)
  await scorer.stop({ keep: true })
  assert.ok(scorer.told.some(({ event }) => event === 'samples.failed'))
})

test('ten thousand idle connections take bounded memory, and others are answered', { timeout: 120_000 }, async t => {
  const folder = newFolder()
  t.after(() => rmSync(folder, { recursive: true }))
  const { child, socket } = await startProcess(folder, t)
  const megabytes = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]) / 1024
  const before = megabytes()
  const idle: Socket[] = []
  t.after(() => {
    for (const one of idle) one.destroy()
  })
  while (idle.length < 10_000) {
    const some = Array.from({ length: 100 }, () => open(socket).on('error', () => {}))
    await Promise.all(some.map(one => once(one, 'connect')))
    idle.push(...some)
    // Half of them have asked once and are kept, as a web server keeps them.
    const asking = some.slice(50)
    for (const one of asking) one.write('GET / HTTP/1.1\r\n\r\n')
    await Promise.all(asking.map(one => once(one, 'data')))
  }
  const connections = Number(/^modwarden_score_connections (\d+)$/m.exec((await get(socket, '/metrics')).body)![1])
  assert.ok(connections > 750 && connections <= 1024, String(connections))
  t.diagnostic(`${Math.round(before)} MB, then ${Math.round(megabytes())} MB`)
  // 10.5 kB a connection, and the garbage of 5,000 requests. The compiled program is measured under systemd.
  assert.ok(megabytes() - before < 130)
  assert.equal((await post(socket, '/v1/score', ML, ordinary)).status, 200)
  child.kill('SIGTERM')
  assert.equal(await ended(child), 0)
})

test('running out of file descriptors ends nothing', {
  timeout: 60_000,
  skip: existsSync('/usr/bin/prlimit') ? false : 'needs prlimit',
}, async t => {
  const folder = newFolder()
  t.after(() => rmSync(folder, { recursive: true }))
  const { child, socket } = await startProcess(folder, t, ['/usr/bin/prlimit', '--nofile=64:64'])
  const many = Array.from({ length: 120 }, () => open(socket).on('error', () => {}))
  await Promise.all(many.map(one => once(one, 'connect')))
  await until('they are accepted as far as it goes', async () => readdirSync(`/proc/${child.pid}/fd`).length >= 60)
  for (const one of many) one.destroy()
  await until('it answers again', async () => (await post(socket, '/v1/score', ML, ordinary)).status === 200)
  assert.equal(child.exitCode, null)
})
