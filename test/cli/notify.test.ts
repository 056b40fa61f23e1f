import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { messageName, writeMessage } from '../../src/core/notification/message.ts'
import type { Payload } from '../../src/core/notification/payload.ts'
import { loadNotifySettings } from '../../src/edge/notification/notify-settings.ts'
import { SettingsError } from '../../src/edge/settings-file.ts'
import { until } from '../until.ts'
import { modwarden, openFolder } from './modwarden.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const folder = openFolder('modwarden-notify-')
const [outbox, config] = [join(folder, 'outbox'), join(folder, 'modwarden.toml')]
const got: (Payload & { authorization: string | undefined })[] = []
let answer: 'ok' | 'fail' | 'hang' = 'ok'
let server: Server
let port = 0

before(async () => {
  for (const path of [outbox, join(folder, 'state')]) mkdirSync(path, { mode: 0o777 })
  server = createServer(async (request, response) => {
    const payload = JSON.parse(await text(request)) as Payload
    if (answer === 'hang') return
    if (answer === 'ok') got.push({ ...payload, authorization: request.headers.authorization })
    response.writeHead(answer === 'ok' ? 200 : 500).end('SECRET-ANSWER')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
  writeFileSync(
    config,
    `outbox_dir = "${outbox}"\nnotify_dir = "${folder}/state"\ndatabase = "${folder}/none.db"\nmodel_dir = "${folder}"\n`,
  )
})
after(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})

const set = (values: string) => writeFileSync(join(folder, 'notify.toml'), values === '' ? '' : `[notify]\n${values}\n`)
const hook = () => `webhook = "http://127.0.0.1:${port}/SECRET-PATH"\nwebhook_header = "Authorization: Bearer SECRET-TOKEN"`
const run = (...args: string[]) => modwarden(['--config', config, ...args])
const messages = () => readdirSync(outbox).filter(name => name.endsWith('.json'))
let number = 0
function put(): void {
  const message = { kind: 'block', id: randomUUID(), at: Date.now(), event: 'address.blocked', fields: { n: ++number } } as const
  writeFileSync(join(outbox, messageName(Date.now() * 1000 + number, message)), writeMessage(message))
}

/** The notifier as a process of its own. */
function start(): { child: ChildProcess; journal: () => string } {
  const child = spawn(process.execPath, [MAIN, '--config', config, 'notify'], { env: { ...process.env, MODWARDEN_CONFIG: undefined } })
  let journal = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', chunk => {
      journal += String(chunk)
    })
  return { child, journal: () => journal }
}

test('with nothing set it says so and ends well', async () => {
  set('')
  const { code, out, errors } = await run('notify')
  assert.deepEqual([code, errors], [0, ''])
  assert.match(out, /^nothing to do: neither notify\.command nor notify\.webhook is set in .*notify\.toml, nor verified_crawlers/)
})

test('--test with nothing set is a failure that says what to set', async () => {
  const { code, errors } = await run('notify', '--test')
  assert.deepEqual([code, /there is nowhere to send to; set notify\.command or notify\.webhook in .*notify\.toml/.test(errors)], [1, true])
})

test('--test sends one notification by each channel and says what came of it', async () => {
  set(`${hook()}\ncommand = ["/bin/sh", "-c", "printf %s \\"$MODWARDEN_TEXT\\" > ${folder}/text"]`)
  const { code, out } = await run('notify', '--test')
  assert.equal(code, 0)
  assert.match(
    out,
    /^command \/bin\/sh: delivered, ended with status 0 \(\d+ ms\)\nwebhook 127\.0\.0\.1:\d+: delivered, answered 200 \(\d+ ms\)\n$/,
  )
  assert.deepEqual([got.at(-1)?.kind, got.at(-1)?.authorization], ['test', 'Bearer SECRET-TOKEN'])
  assert.match(readFileSync(join(folder, 'text'), 'utf8'), /this is a test; notifications arrive here$/)
})

test('--test says what failed, and ends with 1', async () => {
  set(`${hook()}\ncommand = "/bin/false"`)
  answer = 'fail'
  const { code, out } = await run('notify', '--test')
  answer = 'ok'
  assert.equal(code, 1)
  assert.match(out, /^command \/bin\/false: NOT delivered, it ended with status 1 .*\nwebhook .*: NOT delivered, answered 500 /)
})

test('no secret is ever printed, right or wrong', async () => {
  const wrong = [
    'webhook = "SECRET"',
    'webhook = "https://x/ SECRET"',
    'webhook = 5\nwebhook_header = "SECRET"\ncommand = "SECRET"',
    'webhook_header = "Host: SECRET"',
    'webhook = "https://SECRET',
    'webhook = https://SECRET',
    'command = ["relative", "SECRET"]',
  ]
  for (const value of wrong) {
    set(value)
    assert.throws(
      () => loadNotifySettings(join(folder, 'notify.toml')),
      (error: Error) => error instanceof SettingsError && /notify\./.test(error.message) && !/SECRET/.test(error.stack ?? ''),
    )
  }
  answer = 'fail'
  const printed: string[] = []
  for (const value of [wrong[2]!, `${hook()}\ncommand = ["/bin/sh", "-c", "echo SECRET; echo SECRET >&2; exit 1"]`]) {
    set(value)
    for (const args of [['check'], ['notify', '--test']]) {
      const { out, errors } = await run(...args)
      printed.push(out + errors)
    }
  }
  answer = 'ok'
  assert.match(printed[0]!, /notify\.webhook: must be an address that begins with https/)
  assert.match(printed[3]!, /NOT delivered.*\n.*NOT delivered/)
  assert.doesNotMatch(printed.join(''), /SECRET/)
})

test('check tells every problem of both files at once, and what about them is dangerous', async () => {
  writeFileSync(config, `${readFileSync(config, 'utf8')}blok_score = 1\n[notify]\nrate = 1\n`)
  set('rate = 0\nwebhook = "https://hooks.example/"\nwebhok = ""')
  const { code, errors } = await run('check')
  assert.equal(code, 78)
  assert.match(errors, /blok_score: unknown key.*\n.*notify: unknown key; \[notify\] stands in notify\.toml, beside this file\n/)
  assert.match(
    errors,
    /notify\.rate: must be a whole number from 1 to 3600, got 0\n.*notify\.webhok: unknown key; did you mean notify\.webhook\?/,
  )
  writeFileSync(config, readFileSync(config, 'utf8').split('blok')[0]!)
  set('webhook = "http://hooks.example/"\nwebhook_header = "X: y"')
  const { out } = await run('check')
  assert.match(out, /note: .*notify\.toml may hold secrets, and every user can read it; chown root:modwarden-notify .*; chmod 640 /)
  assert.match(
    out,
    /note: notify\.webhook goes over http to hooks\.example: everybody on the way can read .*notify\.webhook_header; use https/,
  )
})

test('a SIGTERM ends it at once, also while the receiver hangs; kill -9 loses nothing', async () => {
  set(hook())
  answer = 'hang'
  put()
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const { child, journal } = start()
    await until('it runs', () => journal().includes('notifier.started'))
    put()
    const began = performance.now()
    child.kill(signal)
    await once(child, 'exit')
    assert.ok(performance.now() - began < 1000, `${signal}: ${performance.now() - began} ms`)
    assert.equal(child.exitCode, signal === 'SIGTERM' ? 0 : null)
  }
  assert.equal(messages().length, 3)
  answer = 'ok'
  got.length = 0
  const { child, journal } = start()
  await until('all is sent', () => messages().length === 0)
  assert.deepEqual(got.map(({ fields }) => fields.n), [1, 2, 3]) // biome-ignore format: one thing
  assert.doesNotMatch(journal() + readFileSync(`/proc/${child.pid}/cmdline`, 'latin1'), /SECRET/)
  child.kill('SIGTERM')
  await once(child, 'exit')
})

test('killed at random moments it sends everything, and nothing twice but what was on its way', { timeout: 120_000 }, async () => {
  set(`${hook()}\nrate = 3600`)
  got.length = 0
  number = 0
  const lives = 4
  for (let life = 0; life < lives; life++) {
    for (let index = 0; index < 25; index++) put()
    const { child, journal } = start()
    await until('it runs', () => journal().includes('notifier.started'))
    const goal = got.length + 8 + life
    await until('it has sent some', () => got.length >= goal)
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const { child } = start()
  await until('all is sent', () => messages().length === 0, 60_000)
  child.kill('SIGTERM')
  await once(child, 'exit')
  const order = got.map(({ fields }) => fields.n as number)
  assert.deepEqual(
    [...new Set(order)],
    Array.from({ length: 25 * lives }, (_, index) => index + 1),
    'all, each the first time in its order',
  )
  assert.ok(order.length <= 25 * lives + lives, `${order.length - 25 * lives} came twice`)
  assert.equal(new Set(got.map(({ id }) => id)).size, 25 * lives, 'what came twice has the same id')
})
