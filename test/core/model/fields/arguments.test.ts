import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { argumentsOf } from '../../../../src/core/model/fields/arguments.ts'
import { requestTo } from '../samples.ts'

const FORM = 'application/x-www-form-urlencoded'
const MULTIPART = 'multipart/form-data; boundary=XyZ'
const sent = (type: string, body: string) => requestTo('/', { method: 'POST', headers: [['Content-Type', type]], body })
const part = (head: string, value: string) => `--XyZ\r\nContent-Disposition: form-data; ${head}\r\n\r\n${value}\r\n`

const DTD = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
const utf16 = (text: string) => [...text].map(sign => `${sign}\0`).join('')

type Expected = [name: string, value: string][]
const cases: { name: string; request: ReturnType<typeof sent>; expected: Expected }[] = [
  { name: 'no query', request: requestTo('/a'), expected: [] },
  { name: 'an empty query', request: requestTo('/a?'), expected: [] },
  {
    name: 'a query',
    request: requestTo('/a?x=1&y=&z&=v&&x=2=3'),
    expected: [
      ['x', '1'],
      ['y', ''],
      ['z', ''],
      ['', 'v'],
      ['x', '2=3'],
    ],
  },
  { name: 'a second question mark', request: requestTo('/a?x=1?y=2'), expected: [['x', '1?y=2']] },
  {
    name: 'a form',
    request: sent(FORM, 'a=1&b=2'),
    expected: [
      ['a', '1'],
      ['b', '2'],
    ],
  },
  {
    name: 'a form that says nothing of itself',
    request: requestTo('/', { body: 'a=1&b=2' }),
    expected: [
      ['a', '1'],
      ['b', '2'],
    ],
  },
  { name: 'text', request: sent('text/plain', 'hello world'), expected: [['#body', 'hello world']] },
  {
    name: 'JSON',
    request: sent('application/json', '{"a":{"b":["x",1,true,null]}}'),
    expected: [
      ['b', 'x'],
      ['b', '1'],
      ['b', 'true'],
      ['b', 'null'],
    ],
  },
  { name: 'JSON that says nothing of itself', request: requestTo('/', { body: ' [{"a":"x"}]' }), expected: [['a', 'x']] },
  {
    name: 'doubled keys',
    request: sent('application/json', '{"a":"evil","a":"good"}'),
    expected: [
      ['a', 'evil'],
      ['a', 'good'],
    ],
  },
  { name: 'JSON that is said to be binary', request: sent('application/octet-stream', '[{"a":"x"}]'), expected: [['a', 'x']] },
  {
    name: 'what begins like JSON and is binary',
    request: sent('application/octet-stream', `{${'\0\x01'.repeat(50)}}`),
    expected: [['#bin', '']],
  },
  { name: 'broken JSON as it stands', request: sent('application/json', '{"a":"evil"'), expected: [['#body', '{"a":"evil"']] },
  {
    name: 'XML',
    request: sent('application/soap+xml; charset=utf-8', '\xef\xbb\xbf\n<?xml version="1.0"?><a xmlns="urn:x"><b c="1">2</b></a>'),
    expected: [
      ['xmlns', 'urn:x'],
      ['a', ''],
      ['c', '1'],
      ['b', '2'],
    ],
  },
  {
    name: 'multipart with names without quotes, behind a binary file',
    request: sent(MULTIPART, `${part('name=f; filename=x', '\0\x01\x02'.repeat(99))}${part('name=q', 'x')}--XyZ--`),
    expected: [
      ['f', ''],
      ['#file', 'x'],
      ['q', 'x'],
    ],
  },
  { name: 'a picture that is XML', request: sent('image/svg+xml', '<a>x</a>'), expected: [['a', 'x']] },
  { name: 'broken XML as it stands', request: sent('text/xml', '<a>x'), expected: [['#body', '<a>x']] },
  { name: 'XML with a document type as it stands', request: sent('text/xml', DTD), expected: [['#body', DTD]] },
  { name: 'XML in UTF-16, low bytes first', request: sent('text/xml', `\xff\xfe${utf16(DTD)}`), expected: [['#body', DTD]] },
  { name: 'XML in UTF-16, high bytes first', request: sent('text/xml', `\0${utf16(DTD).slice(0, -1)}`), expected: [['#body', DTD]] },
  {
    name: 'what is said to be XML and is a form',
    request: sent('text/xml', 'a=1&b=2'),
    expected: [
      ['a', '1'],
      ['b', '2'],
    ],
  },
  {
    name: 'multipart',
    request: sent(MULTIPART, `${part('name="a"', '1')}${part('name="b"', 'x\r\ny')}--XyZ--`),
    expected: [
      ['a', '1'],
      ['b', 'x\ny'],
    ],
  },
  {
    name: 'a file name',
    request: sent(MULTIPART, `${part('name="f"; filename="../../x.php"', 'text')}--XyZ--`),
    expected: [
      ['f', 'text'],
      ['#file', '../../x.php'],
    ],
  },
  {
    name: 'a boundary in its own case only',
    request: sent('Multipart/Form-Data; BOUNDARY="XyZ"', `${part('name="a"', '--xyz 1')}--XyZ--`),
    expected: [['a', '--xyz 1']],
  },
  { name: 'multipart without a boundary', request: sent('multipart/form-data', `${part('name="a"', '1')}--XyZ--`), expected: [['a', '1']] },
  {
    name: 'a binary file in multipart',
    request: sent(MULTIPART, `${part('name="f"; filename="a.png"', '\0\x01\x02\x03\x04\x05')}--XyZ--`),
    expected: [
      ['f', ''],
      ['#file', 'a.png'],
    ],
  },
  {
    name: 'names without quotes, and what is in no part or in one without a name',
    request: sent(
      'multipart/form-data; boundary=f',
      'before\r\n--f\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--f\r\nContent-Disposition: form-data; name=b\r\n\r\n2\r\n--f\r\nX: y\r\n\r\n3\r\n--f--\r\nbehind',
    ),
    expected: [
      ['#body', 'before\r\n'],
      ['a', '1'],
      ['b', '2'],
      ['#body', '\r\nX: y\r\n\r\n3\r\n'],
      ['#body', '--\r\nbehind'],
    ],
  },
  {
    name: 'parts with another boundary than is said',
    request: sent('multipart/form-data; boundary=f,g', '--f\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--f--\r\n'),
    expected: [['#body', '--f\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--f--\r\n']],
  },
  { name: 'a binary type', request: sent('image/png', `a=1${'\0\x01'.repeat(50)}`), expected: [['#bin', '']] },
  { name: 'text of a binary type', request: sent('application/octet-stream', '<h1>Hello</h1>'), expected: [['#bin', '']] },
  { name: 'a binary body', request: sent('text/plain', '\0\x01\x02\x03'.repeat(50)), expected: [['#bin', '']] },
  {
    name: 'UTF-8, which is text',
    request: sent('text/plain', '\xc3\xa4\xc3\xb6\xc3\xbc'.repeat(50)),
    expected: [['#body', '\xc3\xa4\xc3\xb6\xc3\xbc'.repeat(50)]],
  },
  {
    name: 'the last Content-Type',
    request: requestTo('/', {
      headers: [
        ['Content-Type', 'text/plain'],
        ['CONTENT-TYPE', 'application/x-www-form-urlencoded'],
      ],
      body: 'a b=c',
    }),
    expected: [['a b', 'c']],
  },
  {
    name: 'a form that is said to be binary too',
    request: requestTo('/', {
      headers: [
        ['Content-Type', 'application/x-www-form-urlencoded'],
        ['Content-Type', 'image/png'],
      ],
      body: `${'\x01'.repeat(50)}=1&a=b`,
    }),
    expected: [
      ['\x01'.repeat(50), '1'],
      ['a', 'b'],
    ],
  },
]
for (const { name, request, expected } of cases) {
  test(`reads ${name}`, () =>
    assert.deepEqual(
      argumentsOf(request).list.map(({ name: key, value }) => [key, value]),
      expected,
    ))
}

const NOISE = '\x01\x02\x03\x04'.repeat(600)
for (const { name, request } of [
  { name: 'a form', request: sent(FORM, `a=${NOISE}&evil=<script>`) },
  { name: 'a form that says nothing of itself', request: requestTo('/', { body: `a=${NOISE}&evil=<script>` }) },
  { name: 'multipart', request: sent(MULTIPART, `${part('name="f"; filename="a.png"', NOISE)}${part('name="evil"', '<script>')}--XyZ--`) },
  { name: 'a part without a file', request: sent(MULTIPART, `${part('name="evil"', `${NOISE}<script>`)}--XyZ--`) },
]) {
  test(`control characters do not hide what else is in ${name}`, () =>
    assert.ok(argumentsOf(request).list.some(({ value }) => value.includes('<script>'))))
}

test('a + is a blank in queries and forms only', () => {
  assert.deepEqual(
    argumentsOf(requestTo('/?a=1')).list.map(({ isForm }) => isForm),
    [true],
  )
  assert.deepEqual(
    argumentsOf(sent('application/json', '{"a":"b+c"}')).list.map(({ isForm }) => isForm),
    [false],
  )
})

const MANY = 10_000
const EVIL = "' union select 1--"
for (const { name, request } of [
  { name: 'a query', request: requestTo(`/?${'a=1&'.repeat(MANY)}evil=${EVIL}`) },
  { name: 'a form', request: sent(FORM, `${'a=1&'.repeat(MANY)}evil=${EVIL}`) },
  { name: 'JSON', request: sent('application/json', `[${'1,'.repeat(MANY)}"${EVIL}"]`) },
  { name: 'XML', request: sent('text/xml', `<a>${'<b>1</b>'.repeat(MANY)}<b>${EVIL}</b></a>`) },
  { name: 'XML that is broken at its end', request: sent('text/xml', `<a>${'<b>1</b>'.repeat(MANY)}<b>${EVIL}`) },
  { name: 'multipart', request: sent(MULTIPART, `${part('name="a"', '1').repeat(MANY)}${part('name="evil"', EVIL)}--XyZ--`) },
]) {
  test(`of 10,000 arguments of ${name} the last is seen, in bounded number and time`, () => {
    const started = process.cpuUsage()
    const found = argumentsOf(request).list
    assert.ok(process.cpuUsage(started).user < 2e6)
    assert.ok(found.length <= 4100, String(found.length))
    assert.ok(found.some(({ value }) => value.includes('union select')))
  })
}

test('nothing of a query or a form goes unseen', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '=', '&', '%', '+', ';', "'", '?'), maxLength: 60 })
  fc.assert(
    fc.property(text, query => {
      const found = argumentsOf(requestTo(`/?${query}`)).list
      const together = found.map(({ name, value }) => name + value).join('')
      assert.equal(together.replaceAll('=', ''), query.replace(/[&=]/g, ''))
    }),
  )
})

test('whatever body comes under whatever type, arguments come out', () => {
  const type = fc.constantFrom(
    FORM,
    MULTIPART,
    'application/json',
    'text/xml',
    'image/gif',
    '',
    'multipart/form-data; boundary=',
    'MULTIPART/FORM-DATA; boundary="',
  )
  const body = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.array(fc.constantFrom('<a>', '</a>', '<a', ' b="', '"', '/>', '<![CDATA[', ']]>', '\0', 'x')).map(pieces => pieces.join('')),
    fc.string({ unit: fc.constantFrom('name="', '\r\n', '--XyZ', '"', '{', '[', ':', ',', 'a') }),
  )
  fc.assert(
    fc.property(type, body, (said, text) =>
      argumentsOf(sent(said, text)).list.every(({ name, value }) => typeof name === 'string' && typeof value === 'string'),
    ),
  )
})
