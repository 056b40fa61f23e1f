import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { COOKIE, fieldsOf, HEADER, hostOf, templateOf } from '../../../../src/core/model/fields/fields.ts'
import { placeOfSymbol, SYMBOLS, shapeOf } from '../../../../src/core/model/fields/shape.ts'
import { requestTo } from '../samples.ts'

for (const { path, expected } of [
  { path: '/', expected: '/' },
  { path: '/Shop/Item12', expected: '/shop/item0' },
  { path: '/a/1234567/b2c3', expected: '/a/0/b0c0' },
  { path: '/f/0123456789abcdef', expected: '/f/*' },
  { path: '/f/0123456789abcde', expected: '/f/0abcde' },
  { path: '/f/abcdefghijklmnopq', expected: '/f/abcdefghijklmnopq' },
  { path: `/f/${'x'.repeat(40)}`, expected: `/f/${'x'.repeat(40)}` },
  { path: `/f/${'x'.repeat(41)}`, expected: '/f/*' },
  { path: '/1/2/3/4/5/6/7/8/9/10/11/12/13', expected: '/0/0/0/0/0/0/0/0/0/0/0' },
]) {
  test(`the template of ${path.slice(0, 30)}`, () => assert.equal(templateOf(path), expected))
}

for (const { host, expected } of [
  { host: 'Shop.Example', expected: 'shop.example' },
  { host: 'shop.example:8080', expected: 'shop.example' },
  { host: 'shop.example.', expected: 'shop.example' },
  { host: 'shop.example.:443', expected: 'shop.example' },
  { host: 'shop.example:', expected: 'shop.example' },
  { host: '[2001:db8::1]:80', expected: '[2001:db8::1]' },
  { host: ' a ', expected: 'a' },
  { host: 'x'.repeat(300), expected: 'x'.repeat(255) },
]) {
  test(`the host of ${host.slice(0, 30)}`, () => assert.equal(hostOf(host), expected))
}

test('the site counts, whatever the Host header says', () => {
  const request = requestTo('/', { headers: [['Host', 'a.example']] })
  assert.equal(fieldsOf(request).host, 'a.example')
  assert.equal(fieldsOf({ ...request, site: 'B.example:80' }).host, 'b.example')
})

test('cookies come one by one, with numbers in their names as 0', () => {
  const { fields, namelessCookies } = fieldsOf(requestTo('/', { headers: [['Cookie', 'A1=x%20y; b; c="d=e";;%24x']] }))
  assert.equal(namelessCookies, 'b\n$x')
  assert.deepEqual(
    fields.filter(({ group }) => group === COOKIE).map(({ key, value }) => [key, value]),
    [
      ['a0', 'x y'],
      ['b', ''],
      ['c', '"d=e"'],
      ['', ''],
      ['%0x', ''],
    ],
  )
})

test('of 5,000 cookies the last is seen', () => {
  const { fields } = fieldsOf(requestTo('/', { headers: [['Cookie', `${'a=1; '.repeat(5000)}evil=<script>`]] }))
  assert.ok(fields.length <= 1010 && fields.some(({ value }) => value.includes('<script>')))
})

test('headers come decoded, but for those that say nothing of their own', () => {
  const headers = [
    ['Host', 'h'],
    ['X-Own', '%3cb'],
    ['Connection', 'close'],
    ['Content-Length', '1'],
    ['User-Agent', 'u'],
  ] as const
  const { fields, headerNames } = fieldsOf(requestTo('/', { headers }))
  assert.deepEqual(
    fields.filter(({ group }) => group === HEADER).map(({ key, value }) => [key, value]),
    [
      ['x-own', '<b'],
      ['user-agent', 'u'],
    ],
  )
  assert.equal(headerNames, 'connection,content-length,host,user-agent,x-own')
})

test('what is too much is cut from the middle of the longest values, and told', () => {
  const size = 3 * 2 ** 20
  const { fields, leftOut } = fieldsOf(requestTo(`/?a=start${'x'.repeat(size)}end&b=short`))
  const total = fields.reduce((sum, { value }) => sum + value.length, 0)
  assert.ok(total <= 2 ** 20 && leftOut > size - 2 ** 20)
  const long = fields.find(({ key }) => key === 'a')!.value
  assert.ok(long.startsWith('start') && long.endsWith('end'))
  assert.ok(fields.some(({ value }) => value === 'short'))
  assert.equal(fieldsOf(requestTo('/?a=1')).leftOut, 0)
})

const binary = fc.string({ unit: 'binary', maxLength: 80 }).map(text => text.replace(/[^\x00-\xff]/g, ''))

test('an outline has 39 symbols, and each stands where it says', () => {
  fc.assert(
    fc.property(binary, text => {
      const { symbols: all, length, low, high } = shapeOf(text)
      const symbols = all.slice(0, length)
      assert.ok(symbols.length <= text.length)
      symbols.forEach((symbol, index) => {
        assert.ok(symbol > 0 && symbol < SYMBOLS)
        assert.equal(((symbol < 32 ? low >>> symbol : high >>> (symbol - 32)) & 1) === 1, true)
        assert.equal(shapeOf(text.charAt(placeOfSymbol(text, index))).symbols[0], symbol)
      })
      assert.equal(placeOfSymbol(text, symbols.length), text.length)
    }),
  )
})

test('runs of letters, digits, blanks and other bytes count once, punctuation each time', () => {
  assert.equal(shapeOf('abc12  \xc3\xa4').length, 4)
  assert.equal(shapeOf("''--\n\n").length, 6)
})
