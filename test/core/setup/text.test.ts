import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { unifiedDiff } from '../../../src/core/setup/diff.ts'
import { showCommand } from '../../../src/core/setup/show.ts'
import { blockOf, withBlock } from '../../../src/core/setup/steps.ts'
import type { FileStep } from '../../../src/core/setup/types.ts'
import { takeBack } from '../../../src/core/setup/undo.ts'

const lines = fc.array(fc.constantFrom('a', 'b', 'c', '', '# x'), { maxLength: 40 }).map(all => all.map(line => `${line}\n`).join(''))

/** Turns a text into another one by a unified diff, and checks all that the diff says of the text. */
function patched(before: string, diff: readonly string[]): string {
  const old = before.split('\n').slice(0, -1)
  const out: string[] = []
  let at = 0
  for (const line of diff) {
    const hunk = /^@@ -(\d+),(\d+) \+(\d+),(\d+) @@$/.exec(line)
    if (hunk !== null) {
      const from = Number(hunk[2]) === 0 ? Number(hunk[1]) : Number(hunk[1]) - 1
      out.push(...old.slice(at, from))
      at = from
      assert.equal(Number(hunk[3]), Number(hunk[4]) === 0 ? out.length : out.length + 1)
    } else {
      if (line[0] !== '+') assert.equal(old[at++], line.slice(1))
      if (line[0] !== '-') out.push(line.slice(1))
    }
  }
  return [...out, ...old.slice(at)].map(line => `${line}\n`).join('')
}

test('unifiedDiff: one text becomes the other by what it says', () => {
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const diff = unifiedDiff(before, after)
      assert.equal(patched(before, diff), after)
      assert.equal(diff.length === 0, before === after)
    }),
  )
})

test('unifiedDiff shows three lines around a change, and changes far apart by themselves', () => {
  const before = Array.from({ length: 20 }, (_, index) => `${index}\n`).join('')
  const after = before.replace('2\n', 'two\n').replace('17\n', '')
  assert.deepEqual(unifiedDiff(before, after), [
    '@@ -1,6 +1,6 @@', ' 0', ' 1', '-2', '+two', ' 3', ' 4', ' 5',
    '@@ -15,6 +15,5 @@', ' 14', ' 15', ' 16', '-17', ' 18', ' 19',
  ]) // biome-ignore format: a diff
})

test('withBlock puts a block in once, changes it where it is, and takes it away without a trace', () => {
  for (const text of ['', 'a\n', 'a\nb', 'a\n\n']) {
    const once = withBlock(text, 'x\ny\n')
    assert.equal(blockOf(once), 'x\ny')
    assert.equal(withBlock(once, 'x\ny'), once)
    assert.equal(blockOf(withBlock(`${once}after\n`, 'z')), 'z')
    assert.ok(withBlock(`${once}after\n`, 'z').endsWith('after\n'))
    assert.equal(withBlock(once, undefined), text === '' || text.endsWith('\n') ? text : `${text}\n`)
  }
})

test('a block is known again in a file that an editor has given other line ends', () => {
  const file = withBlock('a\nb\n', 'x\ny').replaceAll('\n', '\r\n')
  assert.equal(blockOf(file), 'x\ny')
  assert.equal(withBlock(file, 'x\ny\n'), file)
  assert.equal(withBlock(file, undefined), 'a\r\nb\r\n')
  assert.equal(blockOf(withBlock(file, 'z')), 'z')
})

const step = (before: string | null, after: string | null, block = false): FileStep => ({
  kind: 'file',
  path: '/x',
  before,
  after,
  mode: 0o644,
  block,
  why: '',
})
const whole = step('old\n', 'new\n')
const made = step(null, 'new\n')
const gone = step('old\n', null)
const block = step('a\n', withBlock('a\n', 'x'), true)
const changed = step(withBlock('a\n', 'x'), withBlock('a\n', 'y'), true)
const CASES: { name: string; step: FileStep; now: string | null; expected: object }[] = [
  { name: 'what was changed is put back', step: whole, now: 'new\n', expected: { action: 'write', text: 'old\n' } },
  { name: 'what was made is removed', step: made, now: 'new\n', expected: { action: 'write', text: null } },
  { name: 'what was removed comes back', step: gone, now: null, expected: { action: 'write', text: 'old\n' } },
  { name: 'what was never changed stays', step: whole, now: 'old\n', expected: { action: 'nothing' } },
  { name: 'what is gone already stays gone', step: made, now: null, expected: { action: 'nothing' } },
  { name: 'what was edited is left', step: whole, now: 'new, edited\n', expected: { action: 'leave' } },
  { name: 'what somebody has made anew is left', step: gone, now: 'theirs\n', expected: { action: 'leave' } },
  { name: 'what somebody has removed is left', step: whole, now: null, expected: { action: 'leave' } },
  { name: 'a block goes', step: block, now: withBlock('a\n', 'x'), expected: { action: 'write', text: 'a\n' } },
  {
    name: 'a block goes from between what was edited',
    step: block,
    now: `first\n${withBlock('a\n', 'x')}last\n`,
    expected: { action: 'write', text: 'first\na\nlast\n' },
  },
  { name: 'a block that is gone needs nothing', step: block, now: 'a, edited\n', expected: { action: 'nothing' } },
  { name: 'a block that was edited is left', step: block, now: withBlock('a\n', 'x, edited'), expected: { action: 'leave' } },
  {
    name: 'a block gets its earlier words back',
    step: changed,
    now: `${withBlock('a\n', 'y')}last\n`,
    expected: { action: 'write', text: `${withBlock('a\n', 'x')}last\n` },
  },
]
for (const { name, step, now, expected } of CASES) test(`takeBack: ${name}`, () => assert.deepEqual(takeBack(step, now), expected))

test('showCommand quotes what a shell would take apart', () => {
  assert.equal(
    showCommand(['semanage', 'fcontext', '-d', '/var/log/modsecurity(/.*)?']),
    "semanage fcontext -d '/var/log/modsecurity(/.*)?'",
  )
})
