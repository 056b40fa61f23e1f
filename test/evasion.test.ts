import assert from 'node:assert/strict'
import { test } from 'node:test'
import { appendedOf, EVASIONS } from '../scripts/evaluate/evasion.ts'
import { requestTo } from './core/model/samples.ts'

const PAYLOAD = "'><script>alert(1)\xff%"
const URI = '/shop?a=1&q=%27%3E%3Cscript%3Ealert%281%29%FF%25'
const attack = appendedOf(requestTo(URI))!

test('the payload of a last argument is found', () => {
  assert.deepEqual([attack.before, attack.name, attack.payload], ['/shop?a=1&', 'q', PAYLOAD])
  assert.equal(appendedOf(requestTo('/?q=x'))?.payload, 'x')
  assert.deepEqual([appendedOf(requestTo('/shop')), appendedOf(requestTo('/shop?a'))], [undefined, undefined])
})

/** Decodes until nothing changes, as a server behind several others may. */
function decoded(text: string): string {
  const once = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return once === text ? once : decoded(once)
}

for (const { name, hide } of EVASIONS) {
  test(`a hidden payload is still there, in the same argument: ${name}`, () => {
    const { uri } = hide(attack)
    assert.ok(uri.startsWith('/shop?a=1&'))
    const values = uri
      .slice(10)
      .split('&')
      .filter(argument => argument.startsWith('q='))
    assert.equal(values.length, 1)
    assert.ok(decoded(values[0]!).includes(PAYLOAD))
  })
}

test('what hides is as large as it says', () => {
  const length = (name: string) => EVASIONS.find(each => each.name === name)!.hide(attack).uri.length - URI.length
  assert.ok(length('4 kB of text before') >= 4000)
  assert.ok(length('the middle of 18 kB of text') >= 18_000)
  assert.equal(
    EVASIONS.find(({ name }) => name === '600 arguments before')!
      .hide(attack)
      .uri.split('&').length,
    602,
  )
})
