import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { send } from '../servers/common.ts'
import { startNginx, whyNoNginxLua } from '../servers/nginx.ts'
import { installPlugin, nginxLuaConfig, testSwitches } from '../servers/plugin.ts'
import { type Manner, type StubScorer, startStubScorer } from '../servers/scorer.ts'

const skip = whyNoNginxLua() ?? false
const AGENT = { 'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', Accept: '*/*' }

const FORM = 'application/x-www-form-urlencoded'

type Ask = (path: string, headers?: Record<string, string>, body?: string) => Promise<number>

async function withNginxLua(
  body: (running: {
    ask: Ask
    scorer: () => StubScorer
    become: (manner: Manner | 'down') => Promise<void>
    folder: string
    port: number
  }) => Promise<void>,
) {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-plugin-'))
  const socket = join(folder, 'run/score.sock')
  let scorer = await startStubScorer(socket)
  const plugin = installPlugin(folder)
  try {
    const server = await startNginx({
      folder,
      format: 'JSON',
      type: 'Serial',
      moreRules: testSwitches(folder),
      nginxLua: nginxLuaConfig(folder, socket),
      ...plugin,
    })
    const ask: Ask = (path, headers = {}, body) =>
      send(server.port, {
        ip: '192.0.2.7',
        path,
        headers: { ...AGENT, ...headers },
        ...(body === undefined ? {} : { method: 'POST', body }),
      })
    try {
      await body({
        folder,
        port: server.port,
        ask,
        scorer: () => scorer,
        async become(manner) {
          await scorer.close()
          if (manner !== 'down') scorer = await startStubScorer(socket, manner)
        },
      })
    } finally {
      await server.stop()
    }
  } finally {
    await scorer.close()
    rmSync(folder, { recursive: true })
  }
}

const cases: [string, string, [number, number, number], [number, number, number]][] = [
  // what, path, status in modes 1, 2, 3 with a score, and without
  ['a benign request', '/?q=hello&want=1.20', [200, 200, 200], [200, 200, 200]],
  ['an attack that both see', '/?arg=../../etc/passwd&want=9.10', [403, 403, 403], [403, 403, 403]],
  ['what only the CRS objects to', '/?arg=../../etc/passwd&want=2.10', [200, 200, 403], [403, 403, 403]],
  ['what only the model objects to', '/?q=hello&want=8.20', [200, 403, 403], [200, 200, 200]],
]

test('nginx with its own Lua decides as the script does, over kept connections', { skip, timeout: 60_000 }, async () => {
  await withNginxLua(async ({ ask, scorer, become }) => {
    const check = async (manner: string, column: 2 | 3) => {
      for (const row of cases)
        for (const mode of [1, 2, 3] as const)
          assert.equal(
            await ask(row[1], { 'X-Test-Mode': String(mode) }),
            row[column][mode - 1],
            `${row[0]}, mode ${mode}, scorer ${manner}`,
          )
    }
    await check('fine', 2)
    assert.ok(scorer().connections() <= 2, `${scorer().connections()} connections of 2 workers are kept`)
    assert.ok(scorer().asked.length >= 12)
    for (const manner of ['down', 'hung', 'slow', 'unready', 'garbage', 'huge', 'mute', 'drip'] as const) {
      await become(manner)
      await check(manner, 3)
    }
    await become('fine')
    await check('fine again, on a new socket', 2)
  })
})

test('the header of the score cannot be forged, and a scorer that hangs holds no worker', { skip, timeout: 60_000 }, async () => {
  await withNginxLua(async ({ ask, scorer, become, folder }) => {
    const forged = { 'X-Modwarden-Score': `${'0'.repeat(32)} ok 0.10 1` }
    assert.equal(await ask('/?arg=../../etc/passwd&want=9.10', { ...forged, 'X-Test-Mode': '2' }), 403)
    // A server whose own configuration overrules the script: nobody writes over the header, and the CRS decides.
    assert.equal(await ask('/overruled/?arg=../../etc/passwd', { ...forged, Host: 'overruled.example', 'X-Test-Mode': '2' }), 403)
    assert.equal(await ask('/overruled/?q=hello&want=9.10', { ...forged, Host: 'overruled.example', 'X-Test-Mode': '2' }), 200)
    assert.equal(await ask('/form?want=1.00', { 'Content-Type': FORM, 'X-Test-Mode': '2' }, 'city=K%C3%B6ln'), 200)
    const fields = scorer().asked.at(-1)!
    assert.deepEqual([fields.get('m'), fields.get('u'), fields.get('ip')], [['POST'], ['/form?want=1.00'], ['192.0.2.7']])
    assert.match(fields.get('full')![0]!, /^Host: shop\.example\n.*\n\n\ncity=K%C3%B6ln$/s)
    await become('hung')
    const began = performance.now()
    const statuses = await Promise.all(Array.from({ length: 40 }, () => ask('/?arg=../../etc/passwd', { 'X-Test-Mode': '2' })))
    assert.ok(statuses.every(status => status === 403))
    // One after the other they would take two workers a second.
    assert.ok(performance.now() - began < 700, `${performance.now() - began} ms`)
    assert.doesNotMatch(readFileSync(join(folder, 'error.log'), 'utf8'), /signal|machine-learning:/)
  })
})

test('an attack behind more than nginx sends to the scorer is no false positive', { skip, timeout: 60_000 }, async () => {
  await withNginxLua(async ({ ask }) => {
    // The longer one does not fit into nginx's memory for a body either.
    for (const words of [1500, 9000])
      for (const mode of ['1', '2']) {
        const headers = { 'X-Test-Mode': mode, 'Content-Type': FORM }
        const padding = `x=${'a+word+'.repeat(words)}`
        assert.equal(await ask('/form?want=2.10', headers, `${padding}&y=../../etc/passwd`), 403, `mode ${mode}, ${words} words`)
        assert.equal(await ask('/form?want=2.10', headers, padding), 200, `mode ${mode}, ${words} words, benign`)
      }
    const headers = { 'X-Test-Mode': '1', 'Content-Type': FORM }
    assert.equal(await ask('/form?want=2.10', headers, 'y=../../etc/passwd'), 200, 'what the model has seen it can acquit')
  })
})

test('the scorer hears the body behind whatever headers', { skip, timeout: 60_000 }, async () => {
  await withNginxLua(async ({ folder, port, scorer }) => {
    const head = `POST /form HTTP/1.1\r\nHost: shop.example\r\nContent-Type: ${FORM}\r\nConnection: close\r\n`
    const cases: [string, string, RegExp][] = [
      // nginx keeps the value without the blank, and leaves a line end in its place.
      [
        'a blank at the end of a header',
        `${head}X-Note: a \r\nCookie: b=c\r\n`,
        /\nX-Note: a\nCookie: b=c\nContent-Length: 6\n\n\nx=evil$/,
      ],
      [
        'long headers',
        head + [1, 2, 3].map(index => `X-Long-${index}: ${'v'.repeat(7000)}\r\n`).join(''),
        /^Host: shop\.example\n.*v\nX-Long-3: v{7000}\nContent-Length: 6\n\n\nx=evil$/s,
      ],
      ['no other headers', 'POST /form HTTP/1.0\r\n', /^Content-Length: 6\n\n\nx=evil$/],
    ]
    for (const [what, headers, expected] of cases) {
      await ended(connect(port, '127.0.0.1').end(`${headers}Content-Length: 6\r\n\r\nx=evil`))
      assert.match(scorer().asked.at(-1)!.get('full')![0]!, expected, what)
    }
    await ended(connect(port, '127.0.0.1').end('GET /none HTTP/1.0\r\n\r\n'))
    assert.equal(scorer().asked.at(-1)!.get('full')![0], '\n\n', 'neither headers nor body')

    // In HTTP/2 nothing need announce a body.
    const session = connectHttp2('http://shop.example', { createConnection: () => connect(join(folder, 'h2.sock')) })
    const long = 'n'.repeat(3000)
    const stream = session.request({ ':method': 'POST', ':path': '/form', 'content-type': FORM, ...AGENT, [long]: 'v' })
    stream.end('x=evil')
    await new Promise(resolve => void stream.resume().on('close', resolve))
    session.destroy()
    assert.deepEqual(scorer().asked.at(-1)!.get('b'), ['x=evil'])
    assert.ok(
      scorer()
        .asked.at(-1)!
        .get('h')!
        .every(header => header.includes('\0')),
      'each name has its end',
    )
  })
})

test('a scorer that is down is told in two seconds of a minute, though nobody sends anything odd', { skip, timeout: 60_000 }, async () => {
  await withNginxLua(async ({ ask, become, folder }) => {
    const told = () => readFileSync(join(folder, 'log/audit.log'), 'utf8').match(/.*"9516300".*/g) ?? []
    await become('down')
    for (const end = Date.now() + 33_000; told().length === 0 && Date.now() < end; await setTimeout(200))
      assert.equal(await ask('/?q=hello'), 200)
    assert.ok(told().length > 0, 'nobody learns of it')
    for (const line of told()) {
      assert.match(line, /"time_stamp":"[^"]*:(?:00|30) /)
      assert.match(line, /ML status: down/)
    }
    await become('fine')
    assert.equal(await ask('/?q=hello'), 200)
  })
})

function ended(socket: Socket): Promise<unknown> {
  return new Promise(resolve => void socket.resume().on('error', resolve).on('close', resolve))
}
