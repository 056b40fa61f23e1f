import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { historyToText, isVersion, parseHistory, stepsBack, withActivation } from '../../src/core/model-history.ts'

for (const { name, history = [], current, next, expected } of [
  { name: 'the first one', current: 'base', next: 'a', expected: ['base', 'a'] },
  { name: 'another one', history: ['base', 'a'], current: 'a', next: 'b', expected: ['base', 'a', 'b'] },
  { name: 'an earlier one', history: ['base', 'a', 'b'], current: 'b', next: 'a', expected: ['base', 'a', 'b', 'a'] },
  { name: 'the same one', history: ['base', 'a'], current: 'a', next: 'a', expected: ['base', 'a'] },
  { name: 'one after another came by hand', history: ['base', 'a'], current: 'x', next: 'b', expected: ['base', 'a', 'x', 'b'] },
  { name: 'the base model', history: ['base', 'a'], current: 'a', next: 'base', expected: ['base', 'a', 'base'] },
]) {
  test(`an activation is remembered: ${name}`, () => assert.deepEqual(withActivation(history, current, next), expected))
}

for (const { name, history = [], current, expected } of [
  { name: 'to the one before', history: ['base', 'a', 'b'], current: 'b', expected: ['a', 'base'] },
  { name: 'to the base model', history: ['base', 'a'], current: 'a', expected: ['base'] },
  { name: 'to the base model when nothing is known', current: 'a', expected: ['base'] },
  { name: 'from the base model that was activated', history: ['base', 'a', 'base'], current: 'base', expected: ['a'] },
  { name: 'from one that came by hand', history: ['base', 'a'], current: 'x', expected: ['a', 'base'] },
  { name: 'nowhere', history: ['base'], current: 'base', expected: [] },
  { name: 'nowhere when nothing is known', current: 'base', expected: [] },
]) {
  test(`a rollback leads ${name}`, () =>
    assert.deepEqual(
      stepsBack(history, current).map(({ version }) => version),
      expected,
    ))
}

test('rollbacks walk back through what was activated and end at the base model', () => {
  let history = ['base', 'a', 'b', 'c'] as readonly string[]
  let current = 'c'
  const walked: string[] = []
  for (let step = stepsBack(history, current)[0]; step; step = stepsBack(history, current)[0]) {
    current = step.version
    history = step.history
    walked.push(current)
  }
  assert.deepEqual([walked, history], [['b', 'a', 'base'], ['base']])
  // An activation after that begins anew from there.
  assert.deepEqual(withActivation(history, current, 'c'), ['base', 'c'])
})

test('whatever is activated, a rollback leads to what was active before, and the history stays short', () => {
  const version = fc.constantFrom('base', 'a', 'b', 'c')
  fc.assert(
    fc.property(fc.array(version, { minLength: 1, maxLength: 120 }), versions => {
      let history: readonly string[] = []
      let current = 'base'
      for (const next of versions) {
        history = withActivation(history, current, next)
        if (next !== current) assert.equal(stepsBack(history, next)[0]?.version, current)
        current = next
      }
      assert.ok(history.length <= 50)
      assert.deepEqual(parseHistory(historyToText(history)), history)
    }),
  )
})

for (const text of ['', 'nonsense', 'null', '[]', '{"modwarden_model_history":5}', '{"modwarden_model_history":["../x","",5,null,".."]}']) {
  test(`a damaged history is an empty one: ${text}`, () => assert.deepEqual(parseHistory(text), []))
}

test('a version is a name and nothing else', () => {
  const good = ['2026-11-25T04-00-00-000Z', 'a', 'v1.2:3_4', '-', 'a'.repeat(64)]
  const bad = ['', '.', '..', '.a', 'a/b', '../a', 'a\0', 'a b', 'active', 'base', 'ä', 'a'.repeat(65), 'a\n']
  assert.deepEqual(
    good.map(isVersion),
    good.map(() => true),
  )
  assert.deepEqual(
    bad.map(isVersion),
    bad.map(() => false),
  )
})
