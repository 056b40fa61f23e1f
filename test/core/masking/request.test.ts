import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { maskRequest } from '../../../src/core/mask.ts'
import { shapeOf } from '../../../src/core/masking/shape.ts'
import type { HttpRequest } from '../../../src/core/types.ts'

type Headers = [string, string][]
const request = (uri: string, headers: Headers = [], body?: string): HttpRequest => ({
  method: 'POST',
  uri,
  protocol: 'HTTP/1.1',
  headers,
  body,
})
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U'

const addresses: [string, string][] = [
  ['/shop?page=2&q=caf%C3%A9+au+lait+recipes+2024', '/shop?page=2&q=caf%C3%A9+au+lait+recipes+2024'],
  ['/login?user=joe&password=Hunter2!', '/login?user=joe&password=Aaaaaa0!'],
  ['/x?user%5Bpass%77ord%5D=h%75nter%21', '/x?user%5Bpass%77ord%5D=a%61aaaa%21'],
  ['/x?access_token=abc&author=tolstoy', '/x?access_token=aaa&author=tolstoy'],
  ['/x?next=%2Flogin%3Fpassword%3Dhunter2', '/x?next=%2Faaaaa%3Faaaaaaaa%3Daaaaaa0'],
  ['/cart;jsessionid=1A2b?x=1', '/cart;jsessionid=0A0a?x=1'],
  ['http://joe:hunter2@shop.example/x', 'http://aaa:aaaaaa0@shop.example/x'],
  ['/reset/9f86d081884c7d659a2feaa0c55ad015/now', '/reset/0a00a000000a0a000a0aaaa0a00aa000/now'],
  ['/blog/how-to-write-a-good-changelog', '/blog/how-to-write-a-good-changelog'],
  ['/wp-content/themes/twentytwentyfour/style.css?ver=6.4.2', '/wp-content/themes/twentytwentyfour/style.css?ver=6.4.2'],
  ['/pay?n=4111+1111-1111%201111', '/pay?n=0000+0000-0000%200000'],
  ['/track?at=20241125130059', '/track?at=20241125130059'],
  [`/x?v=${JWT}`, `/x?v=${shapeOf(JWT)}`],
  ['/x?sid=%zz%4&y=%', '/x?sid=%xx%0&y=%'],
]
for (const [uri, masked] of addresses) test(`masks ${uri}`, () => assert.equal(maskRequest(request(uri)).uri, masked))

const headers: [string, string, string][] = [
  ['Cookie', 'sid=AbC123; theme=dark; bare', 'sid=AaA000; theme=aaaa; aaaa'],
  ['authorization', 'Bearer s3cret', 'Bearer a0aaaa'],
  ['Proxy-Authorization', 'Basic am9lOng=', 'Basic aa0aAaa='],
  ['X-Api-Key', 'k-123', 'a-000'],
  ['X-CSRF-Token', 'tok', 'aaa'],
  ['X-Forwarded-For', '192.0.2.1', '000.0.0.0'],
  ['Referer', 'https://shop.example/a?token=abc&page=2', 'https://shop.example/a?token=aaa&page=2'],
  ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36'],
  ['Accept', 'text/html,application/xhtml+xml;q=0.9', 'text/html,application/xhtml+xml;q=0.9'],
  [
    'Content-Type',
    'multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW',
    'multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW',
  ],
]
for (const [name, value, masked] of headers)
  test(`masks ${name}: ${value}`, () => assert.deepEqual(maskRequest(request('/', [[name, value]])).headers, [[name, masked]]))

const multipart = (password: string) =>
  `--XyZ\r\nContent-Disposition: form-data; name="title"\r\n\r\nhello\r\n--XyZ\r\nContent-Disposition: form-data; name="new_password"\r\n\r\n${password}\r\n--XyZ--\r\n`
const upload = (field: string, file: string) =>
  `--XyZ\r\nContent-Disposition: form-data; name="${field}"; filename=${file}\r\nContent-Type: image/png\r\n\r\n0\r\n--XyZ--\r\n`
const bodies: [string, string][] = [
  ['user=joe&password=a;b=c&x=1', 'user=joe&password=a;a=a&x=1'],
  ['contrase%C3%B1a=Ab1&clave=Ab1&enclave=Ab1&security_code=x1', 'contrase%C3%B1a=Aa0&clave=Aa0&enclave=Ab1&security_code=a0'],
  [
    '[{"name":"user","value":"joe"},{"name":"password","value":"Ab1"},{"name":"x","value":"joe"}]',
    '[{"name":"user","value":"joe"},{"name":"password","value":"Aa0"},{"name":"x","value":"joe"}]',
  ],
  [
    'a.name=pin&a.value=Ab1&f%5B1%5D%5Bname%5D=pwd&f%5B1%5D%5Bvalue%5D=Ab1&value=joe',
    'a.name=pin&a.value=Aa0&f%5B1%5D%5Bname%5D=pwd&f%5B1%5D%5Bvalue%5D=Aa0&value=joe',
  ],
  ['{"user":"joe","password":"h\\"u\\u0041\\n2","n":[1,2]}', '{"user":"joe","password":"a\\"a\\u0041\\n0","n":[1,2]}'],
  ['{"credentials": {"a": ["b", 12.5, true]}, "b": "c", "pin": 1234}', '{"credentials": {"a": ["a", 11.1, true]}, "b": "c", "pin": 1111}'],
  ['{"query":"mutation { login(password: \\"hunter2\\") }"}', '{"query":"aaaaaaaa { aaaaa(aaaaaaaa: \\"aaaaaa0\\") }"}'],
  ['{"token":"never ends', '{"token":"aaaaa aaaa'],
  [
    '<methodCall><methodName>wp.login</methodName><value k="v" pwd="x1">hunter2</value>',
    '<methodCall><methodName>aa.aaaaa</methodName><value k="v" pwd="a0">aaaaaa0</value>',
  ],
  ['<a><![CDATA[hunter2]]></a>', '<a><![CDATA[aaaaaa0]]></a>'],
  [multipart('hunter2'), multipart('aaaaaa0')],
  [upload('avatar', '"summer.png"'), upload('avatar', '"summer.png"')],
  [upload('avatar', '"password=hunter2.txt"'), upload('avatar', '"aaaaaaaa=aaaaaa0.aaa"')],
  [upload('secret_key', '"Ab1.pem"'), upload('secret_key', '"Aa0.aaa"')],
  [upload('secret_key', '"Ab1 \\"c2.pem"'), upload('secret_key', '"Aa0 \\"a0.aaa"')],
  [upload('secret_key', 'Ab1'), upload('secret_key', 'Aa0')],
  ['--password=hunter2', '--password=aaaaaa0'],
]
for (const [body, masked] of bodies)
  test(`masks ${body.slice(0, 60)}`, () => assert.equal(maskRequest(request('/', [], body)).body, masked))

test('masks XML of which only the text is known', () => {
  for (const type of ['text/xml; charset=utf-8', 'application/soap+xml']) {
    const masked = maskRequest(request('/', [['Content-Type', type]], 'wp.login joe hunter2\n1.0'))
    assert.equal(masked.body, 'aa.aaaaa aaa aaaaaa0\n0.0')
  }
})

test('keeps what else is known of a request', () => {
  const odd = { ...request('/'), oddFraming: true }
  assert.deepEqual(maskRequest(odd), { ...odd, body: undefined })
})

/** Places where a secret of letters and digits may stand. */
const places: ((secret: string) => HttpRequest)[] = [
  secret => request(`/x?a=1&passwd=${secret}&b=2`),
  secret => request(`/x?next=/y?api_key=${secret}`),
  secret => request('/', [['Cookie', `a=${secret}; b=${secret}`]]),
  secret => request('/', [['Authorization', `Bearer ${secret}`]]),
  secret => request('/', [['X-Auth-Token', secret]]),
  secret => request('/', [['Referer', `http://x:${secret}@h/?token=${secret}`]]),
  secret => request('/', [], `a=1&user[password_again]=${secret}`),
  secret => request('/', [], JSON.stringify({ a: { password: [secret, { x: secret }] } })),
  secret => request('/', [], JSON.stringify({ a: { password: secret } }).slice(0, -3)),
  secret => request('/', [['Content-Type', 'multipart/form-data; boundary=XyZ']], multipart(secret)),
  secret => request('/', [], upload('file', `"token=${secret}"`)),
  secret => request('/', [], `json=${encodeURIComponent(JSON.stringify({ secret }))}`),
  secret => request(`/x?a=${secret}${JWT}`),
]
const letters = fc.string({ unit: fc.constantFrom(...'bcdfghjklmnpqrstvwxyzBCDFGHJ123456789'), minLength: 8, maxLength: 40 })

test('no masked request holds a secret, and its length stays', () => {
  fc.assert(
    fc.property(letters, fc.constantFrom(...places), (secret, place) => {
      const [plain, masked] = [JSON.stringify(place(secret)), JSON.stringify(maskRequest(place(secret)))]
      assert.ok(!masked.includes(secret), masked)
      assert.equal(masked.length, plain.length)
    }),
    { numRuns: 2000 },
  )
})

const pieces = fc.constantFrom(
  ...[
    '%',
    '%4',
    '%41',
    '%u0041',
    '\\',
    '\\"',
    '\\u00e9',
    '"',
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '=',
    '&',
    ';',
    '/',
    '?',
    '@',
    '://',
    '<',
    '>',
    '--',
    '\r\n',
  ],
  ...[
    'password',
    'key',
    'token',
    'a',
    'Z',
    '9',
    ' ',
    JWT,
    '4111111111111111',
    '\xc3\xa9',
    '\x00',
    '<![CDATA[',
    ']]>',
    'name="',
    'Content-',
  ],
)
const text = fc.oneof(
  fc.array(pieces, { maxLength: 40 }).map(list => list.join('')),
  fc.string({ unit: 'binary-ascii' }),
)
const any = fc.record({
  method: fc.constant('POST'),
  uri: text,
  protocol: fc.constant('HTTP/1.1'),
  headers: fc.array(fc.tuple(fc.oneof(fc.constantFrom('Cookie', 'Authorization', 'Content-Type', 'Referer'), text), text), {
    maxLength: 4,
  }),
  body: fc.option(text, { nil: undefined }),
})

test('masking what is masked changes nothing', () => {
  fc.assert(
    fc.property(any, odd => {
      const once = maskRequest(odd)
      assert.deepEqual(maskRequest(once), once)
    }),
    { numRuns: 5000 },
  )
})

test('the time grows with the length, not faster', () => {
  const hostile = ['"\\"', '%', '\\', 'password', '4111 ', '://', '{"key":', '<![CDATA[', 'aB3-', '--x\r\n', '>', 'a=', ';a=', 'key"\\']
  const [short, times] = [1 << 13, 16]
  for (const piece of hostile) {
    maskAll(piece, short)
    let [inPieces, atOnce] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    // As many bytes in 16 pieces and at once: a linear one takes as long for both, a quadratic one 16 times as long at once. What else runs
    // here can only add to the time of this thread, so that the least of several is what it takes.
    for (let round = 0; round < 5; round++) {
      inPieces = Math.min(
        inPieces,
        cpuTime(() => {
          for (let time = 0; time < times; time++) maskAll(piece, short)
        }),
      )
      atOnce = Math.min(
        atOnce,
        cpuTime(() => maskAll(piece, short * times)),
      )
      if (atOnce <= 4 * inPieces) break
    }
    assert.ok(atOnce <= 4 * inPieces, `${JSON.stringify(piece)} takes ${inPieces} us in pieces and ${atOnce} at once`)
  }
})

function maskAll(piece: string, size: number): void {
  const long = piece.repeat(size / piece.length)
  const headers: Headers = [
    ['Cookie', long],
    ['Referer', long],
  ]
  for (const body of [long, `{"a":"${long}`, `<a>${long}`, `--x\r\n${long}`]) maskRequest(request(long, headers, body))
}

/** Microseconds of computing, of this thread alone. */
function cpuTime(work: () => void): number {
  const before = process.threadCpuUsage()
  work()
  const { user, system } = process.threadCpuUsage(before)
  return user + system
}
