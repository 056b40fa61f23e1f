import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseForm } from '../../../src/core/scoring/form.ts'
import { originalMessage } from '../../scoring-messages.ts'

const read = (body: string) => {
  const parsed = parseForm(body)
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.problem)
  const { uri, method, body: content, oddFraming, knownHeaders } = parsed.value.request
  assert.equal(knownHeaders, 'none')
  return { method, uri, body: content, odd: oddFraming === true }
}

type Message = Parameters<typeof originalMessage>[0]
const clean: [string, Message, { uri: string; body?: string }][] = [
  ['no arguments', { path: '/' }, { uri: '/' }],
  ['arguments of a GET', { path: '/x', args: [['a', '1'], ['b', 'x y']] }, { uri: '/x?a=1&b=x+y' }], // biome-ignore format: one line a case
  ['an & in a value', { path: '/x', args: [['a', 'b&c=d']] }, { uri: '/x?a=b%26c%3Dd' }],
  ['a line end in a value', { path: '/x', args: [['a', 'b\r\nc']] }, { uri: '/x?a=b%0D%0Ac' }],
  ['a backslash in a value', { path: '/x', args: [['a', 'b\\c']] }, { uri: '/x?a=b\\c' }],
  ['a quote in a value', { path: '/x', args: [['a', '"><script>']] }, { uri: '/x?a="><script>' }],
  ['a quote in a name', { path: '/x', args: [['a["b"]', '1']] }, { uri: '/x?a["b"]=1' }],
  ['plus and percent in a value', { path: '/x', args: [['a', '1+1=100%']] }, { uri: '/x?a=1%2B1%3D100%25' }],
  ['UTF-8 in a value', { path: '/x', args: [['a', '\xc3\xa9']] }, { uri: '/x?a=%C3%A9' }],
  ['a repeated name', { path: '/x', args: [['a', '1'], ['a', '2']] }, { uri: '/x?a=1&a=2' }], // biome-ignore format: one line a case
  ['arguments of a POST', { method: 'POST', path: '/x', args: [['a', '1']] }, { uri: '/x', body: 'a=1' }],
  ['an upload', { method: 'POST', path: '/x', files: [['f', '../../s.php']], sizes: [['f', '12']] }, { uri: '/x', body: 'f=../../s.php' }],
  ['the attack of the README', { path: '/', args: [['arg', '../../etc/passwd']] }, { uri: '/?arg=../../etc/passwd' }],
]
for (const [name, message, { uri, body }] of clean) {
  test(`reads ${name}`, () => assert.deepEqual(read(originalMessage(message)), { method: message.method ?? 'GET', uri, body, odd: false }))
}

const odd: [string, string][] = [
  ['a second frame in the path', originalMessage({ path: '/x&args={}&files={}&hour=1&day=1?q=../../etc/passwd', args: [['q', 'z']] })],
  ['a second frame in a value', originalMessage({ path: '/x', args: [['a', '1&args={}&files={}&sizes={}&hour=1&day=1']] })],
  ['a value that closes the braces', originalMessage({ path: '/x', args: [['a":"1"}&files={}', '2']] })],
  ['a NUL that cuts the arguments', originalMessage({ path: '/x', args: [['a', 'b\0c']] })],
  ['a raw NUL', originalMessage({ path: '/x', args: [['a', '1']] }).replace('1"}', '1\0"}')],
  ['braces that do not close', 'method=GET&path=/x&args={"ARGS:a":"1&files={}&sizes={}&hour=1&day=1'],
  ['another collection', 'method=GET&path=/x&args={"FILES:a":"1"}&files={}&sizes={}&hour=1&day=1'],
  ['parts in another order', 'method=GET&path=/x&files={}&args={}&sizes={}&hour=1&day=1'],
]
for (const [name, body] of odd) {
  test(`takes ${name} as a whole and says that it is odd`, () => {
    const { uri, odd } = read(body)
    assert.equal(odd, true)
    // Nothing of what the client may have written is lost.
    assert.equal(`method=GET&path=${uri}`, body.replace(/&hour=\d+&day=\d+$/, ''))
  })
}

const broken: [string, string][] = [
  ['nothing', ''],
  ['another form', 'a=1&b=2'],
  ['no method', originalMessage({ path: '/' }).replace('method=GET&', '')],
  ['no arguments', 'method=GET&path=/x&files={}&sizes={}&hour=09&day=22'],
  ['no hour', 'method=GET&path=/x&args={}&files={}&sizes={}&day=22'],
  ['something in front', ` ${originalMessage({ path: '/' })}`],
  ['something behind', `${originalMessage({ path: '/' })}&x=1`],
  ['a method that is none', originalMessage({ method: 'GET /', path: '/' })],
]
for (const [name, body] of broken) test(`refuses ${name}`, () => assert.equal(parseForm(body).ok, false))

test('whatever a client sends is in what is scored, or decoded from it', () => {
  const piece = fc.constantFrom(
    '&args={',
    '&files={',
    '&sizes={',
    '}',
    '"',
    '":"',
    '","',
    '"}',
    'ARGS:',
    '\\',
    '\0',
    '%',
    '&',
    'x',
    '&hour=1&day=1',
  )
  const text = fc.array(piece, { maxLength: 8 }).map(list => list.join(''))
  const secret = 'PAYLOAD'
  fc.assert(
    fc.property(text, text, text, fc.boolean(), (path, name, value, inPath) => {
      const message = originalMessage({
        path: `/${path}${inPath ? secret : ''}`,
        args: [[name, `${value.replaceAll('\0', '')}${inPath ? '' : secret}`]],
      })
      const parsed = parseForm(message)
      // A NUL in the path or name cuts the message in the client: what is not sent cannot be scored.
      if (!parsed.ok || !message.includes(secret)) return
      assert.ok(`${parsed.value.request.uri} ${parsed.value.request.body}`.includes(secret))
    }),
    { numRuns: 3000 },
  )
})
