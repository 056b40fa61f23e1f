import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseNetstrings } from '../../src/core/scoring/netstrings.ts'
import { netstrings } from '../scoring-messages.ts'
import { startApache, whyNoApache } from '../servers/apache.ts'
import { startNginx, whyNoNginx } from '../servers/nginx.ts'
import { whyNoLuaSocket } from '../servers/plugin.ts'
import { type Running, withPlugin } from '../servers/with-plugin.ts'
import { until } from '../until.ts'

const SERVERS = [
  { name: 'nginx with ModSecurity 3', engine: 'v3', start: startNginx, skip: whyNoNginx() ?? whyNoLuaSocket('5.3') ?? false },
  { name: 'Apache with ModSecurity 2', engine: 'v2', start: startApache, skip: whyNoApache() ?? whyNoLuaSocket('5.1') ?? false },
]
const FORM = 'application/x-www-form-urlencoded'
const MULTIPART =
  '--frontier\r\nContent-Disposition: form-data; name="note"\r\n\r\nblue\r\n--frontier\r\nContent-Disposition: form-data; name="picture"; filename="me.png"\r\nContent-Type: image/png\r\n\r\nPNG\r\n--frontier--\r\n'

/** What stands in the request, as the scorer of version 2 and of version 3 hears it. */
const BODIES: { what: string; type: string; body: string; v2: Record<string, string[]> }[] = [
  { what: 'a form', type: FORM, body: 'city=K%C3%B6ln&note=a+b', v2: { b: ['city=K%C3%B6ln&note=a+b'], bl: ['23'] } },
  {
    what: 'a form with what the protocol itself is made of',
    type: FORM,
    body: 'x=5:m=GET,&y=%00',
    v2: { b: ['x=5:m=GET,&y=%00'], bl: ['16'] },
  },
  { what: 'JSON', type: 'application/json', body: '{"a":{"b":"c"}}', v2: { a: ['a.b\0c'] } },
  {
    what: 'XML',
    type: 'text/xml; charset=utf-8',
    body: '<?xml version="1.0"?><a b="&lt;attribute"><c>one</c><d><![CDATA[ two]]></d></a>',
    v2: { b: ['one two\n<attribute'] },
  },
  { what: 'an upload', type: 'multipart/form-data; boundary=frontier', body: MULTIPART, v2: { a: ['note\0blue'], f: ['picture\0me.png'] } },
]

for (const { name, engine, start, skip } of SERVERS) {
  test(`${name}: the scorer hears the whole request`, { skip, timeout: 60_000 }, async () => {
    await withPlugin(start, undefined, async ({ ask, scorers }) => {
      await ask('/caf%C3%A9?a=%27&a=2', { 'X-Test-Mode': '2' })
      const fields = scorers.fine.asked.at(-1)!
      for (const [key, value] of [
        ['ip', '192.0.2.7'],
        ['m', 'GET'],
        ['u', '/caf%C3%A9?a=%27&a=2'],
        ['p', 'HTTP/1.1'],
        ['cs', '0'],
      ] as const)
        assert.deepEqual(fields.get(key), [value], key)
      assert.match(fields.get('id')![0]!, engine === 'v2' ? /^[\w@-]{27}$/ : /^\d+\.\d+$/)
      if (engine === 'v2') assert.ok(fields.get('h')!.includes('Host\0shop.example') && fields.get('h')!.includes('Accept\0*/*'))
      else assert.match(fields.get('full')![0]!, /^Host: shop\.example\n.*Accept: \*\/\*\n/s)
      for (const { what, type, body, v2 } of BODIES) {
        await ask('/form', { 'X-Test-Mode': '2', 'Content-Type': type, 'Content-Length': String(body.length) }, { method: 'POST', body })
        const heard = scorers.fine.asked.at(-1)!
        if (engine === 'v3') assert.ok(heard.get('full')![0]!.endsWith(`\n\n\n${body}`), what)
        else
          assert.deepEqual(
            Object.fromEntries(['b', 'bl', 'a', 'f'].flatMap(key => (heard.has(key) ? [[key, heard.get(key)]] : []))),
            v2,
            what,
          )
      }
      assert.equal(scorers.fine.asked.length, 1 + BODIES.length)
      // What the CRS has denied is asked about for the log alone, when the client has its answer.
      const body = 'host=127.0.0.1;cat+/etc/passwd'
      assert.equal(await ask('/ping', { 'X-Test-Mode': '3', 'Content-Type': FORM }, { method: 'POST', body }), 403)
      await until('it is asked about', () => scorers.fine.asked.length === 2 + BODIES.length)
      const denied = scorers.fine.asked.at(-1)!
      assert.ok((denied.get('b') ?? denied.get('full'))![0]!.endsWith(body), 'the body is still there')
    })
  })

  test(`${name}: what is larger than can be sent is cut, and said to be`, { skip, timeout: 60_000 }, async () => {
    await withPlugin(start, undefined, async ({ ask, scorers }) => {
      const many = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`X-Many-${index}`, 'v'.repeat(100)]))
      await ask(
        `/?q=${'a'.repeat(4000)}`,
        { 'X-Test-Mode': '2', 'Content-Type': FORM, ...many },
        { method: 'POST', body: `x=${'b'.repeat(50_000)}` },
      )
      const fields = scorers.fine.asked.at(-1)!
      const size = [...fields].reduce((sum, [, values]) => sum + values.join('').length, 0)
      assert.ok(size < 65_536, `${size} bytes`)
      assert.deepEqual(fields.get('trunc'), ['1'])
      assert.equal(fields.get('u')![0]!.length, 4004)
      const xml = `<r>${'<a b="c"/>'.repeat(200)}</r>`
      await ask('/', { 'X-Test-Mode': '2', 'Content-Type': 'text/xml' }, { method: 'POST', body: xml })
      assert.deepEqual(scorers.fine.asked.at(-1)!.get('trunc'), engine === 'v2' ? ['1'] : undefined, 'of attributes 128 are looked up')
    })
  })

  test(`${name}: no headers and no arguments of the query leave the body out`, { skip, timeout: 60_000 }, async () => {
    await withPlugin(start, undefined, async ({ ask, scorers }) => {
      const heard = () => ['full', 'a', 'b'].flatMap(key => scorers.fine.asked.at(-1)!.get(key) ?? []).join('|')
      const lengths = engine === 'v2' ? Array.from({ length: 40 }, () => 2000) : [7000, 7000, 4000]
      const long = Object.fromEntries(lengths.map((length, index) => [`X-Long-${index}`, 'v'.repeat(length)]))
      const body = `note=${'b'.repeat(1000)}&end=evil`
      await ask('/form', { 'X-Test-Mode': '2', 'Content-Type': FORM, ...long }, { method: 'POST', body })
      assert.ok(heard().endsWith(body), 'behind long headers')
      // nginx lets no more headers through than can be sent.
      assert.deepEqual(scorers.fine.asked.at(-1)!.get('trunc'), engine === 'v2' ? ['1'] : undefined)
      const query = Array.from({ length: 200 }, (_, index) => `a${index}=1`).join('&')
      await ask(`/form?${query}`, { 'X-Test-Mode': '2', 'Content-Type': 'application/json' }, { method: 'POST', body: '{"end":"evil"}' })
      assert.match(heard(), /end(?:\0|":")evil/, 'behind many arguments')
    })
  })

  test(`${name}: the client that a proxy names is there behind all that he wrote before it`, { skip, timeout: 60_000 }, async () => {
    await withPlugin(start, undefined, async ({ ask, scorers }) => {
      const long = {
        'X-Junk': 'j'.repeat(7000),
        'X-More-Junk': 'j'.repeat(7000),
        'X-Forwarded-For': `${'198.51.100.9, '.repeat(500)}203.0.113.7`,
      }
      await ask('/', { 'X-Test-Mode': '2', ...long })
      const fields = scorers.fine.asked.at(-1)!
      assert.match(fields.get('full')?.[0] ?? fields.get('h')!.join('\n'), /^X-Forwarded-For(?:: |\0)[\d., ]*, 203\.0\.113\.7$/m)
      assert.equal(fields.get('trunc'), undefined)
    })
  })

  test(`${name}: a long name leaves the scorer a message that it can read`, { skip, timeout: 60_000 }, async () => {
    await withPlugin(start, undefined, async ({ ask, scorers }) => {
      const long = 'n'.repeat(3000)
      const upload = `--f\r\nContent-Disposition: form-data; name="${long}"; filename="${long}"\r\n\r\nx\r\n--f--\r\n`
      const cases: [string, string, Record<string, string>][] = [
        ['application/json', `{"${long}":"evil"}`, {}],
        ['multipart/form-data; boundary=f', upload, {}],
        [FORM, 'a=b', { [long]: 'c' }],
      ]
      for (const [type, body, headers] of cases) {
        await ask('/form', { 'X-Test-Mode': '2', 'Content-Type': type, ...headers }, { method: 'POST', body })
        const items = [...scorers.fine.asked.at(-1)!].flatMap(([key, values]) => values.map(value => [key, value] as const))
        const message = netstrings(items)
        assert.ok(parseNetstrings(message).ok, `${type}: ${message}`)
      }
      assert.equal(scorers.fine.asked.length, cases.length)
    })
  })

  test(`${name}: neither answers nor failures leak memory`, { skip, timeout: 120_000 }, async () => {
    await withPlugin(start, undefined, async running => {
      await burst(running, 600)
      const before = residentKilobytes(running.server.pid)
      await burst(running, 1800)
      const grown = residentKilobytes(running.server.pid) - before
      // One leaked Lua state is about 33 KB: 1,800 of them would be 59 MB.
      assert.ok(grown < 12_000, `${grown} kB`)
    })
  })
}

/** Requests with every outcome in turn that takes no time, some at once. */
async function burst({ ask }: Running, count: number): Promise<void> {
  const manners = ['fine', 'down', 'garbage', 'mute', 'unready', 'huge']
  const client = async (first: number) => {
    for (let index = first; index < count; index += 4)
      await ask('/?q=hello', { 'X-Test-Mode': '2', 'X-Test-Scorer': manners[index % manners.length]! })
  }
  await Promise.all([0, 1, 2, 3].map(client))
}

/** Memory of a server and its workers. */
function residentKilobytes(pid: number): number {
  const children = readdirSync(`/proc/${pid}/task`).flatMap(task => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' '))
  return [String(pid), ...children.filter(child => child !== '')]
    .map(process => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${process}/status`, 'utf8'))![1]))
    .reduce((sum, size) => sum + size, 0)
}
