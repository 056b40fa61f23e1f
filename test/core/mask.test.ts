import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maskTokens, outlineRequest } from '../../src/core/mask.ts'

const outline = (uri: string, headers: [string, string][] = []) =>
  outlineRequest({ method: 'GET', uri, protocol: 'HTTP/1.1', headers, body: 'password=hunter2' })

test('an outline holds host, path and argument names, no value', () => {
  assert.deepEqual(
    outline('/login?user=joe&password=hunter2&=x&bare', [
      ['HOST', 'shop.example'],
      ['Cookie', 'sid=1'],
    ]),
    { host: 'shop.example', path: '/login', argumentNames: 'user password' },
  )
})

const masked: [string, string][] = [
  ['/reset/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b', '/reset/…'],
  ['/a/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N', '/a/…'],
  ['/blog/how-to-write-a-good-changelog', '/blog/how-to-write-a-good-changelog'],
  ['/wp-content/themes/twentytwenty/style.css', '/wp-content/themes/twentytwenty/style.css'],
]
for (const [path, expected] of masked) test(`masks ${path}`, () => assert.equal(maskTokens(path), expected))

test('the user part of an absolute request line is dropped', () =>
  assert.equal(outline('http://joe:hunter2@shop.example/x').path, 'http://…@shop.example/x'))

test('nothing is longer than 256 characters', () => {
  const long = outline(`/${'ab/'.repeat(5000)}?${'word=1&'.repeat(5000)}`, [['Host', 'h'.repeat(1000)]])
  for (const field of Object.values(long)) assert.ok(field.length <= 256)
})
