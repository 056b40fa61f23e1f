import assert from 'node:assert/strict'
import { test } from 'node:test'
import { evaluate, evaluateGroup } from '../../../src/core/evaluation/evaluation.ts'
import { createSample } from '../../../src/core/evaluation/sample.ts'

/** A sample of 200 benign requests, five of them at 5 to 8, and some attacks. */
function sample() {
  const made = createSample()
  for (let at = 0; at < 195; at++) made.add({ raw: at / 1000, score: 1 }, { label: 0 })
  for (const score of [5, 5.99, 6, 7, 8]) made.add({ raw: 0.2 + score / 100, score, capped: true }, { label: 0 })
  for (const [score, attack, graft] of [
    [4.99, 'xss', 'path'],
    [5, 'xss', 'hdr:Cookie'],
    [9, 'sqli', 'path'],
    [10, 'sqli', undefined],
  ] as const)
    made.add({ raw: 0.2 + score / 100, score }, { label: 1, attack, ...(graft === undefined ? {} : { graft }) })
  return made
}

test('an evaluation counts who reaches a score, the score itself included', () => {
  const made = sample()
  const { share_over, benign, attack, capped, auc, tpr_at_fpr, share_over_ci } = evaluate(made.benign(), made.attack(), made.capped())
  assert.deepEqual([benign, attack, capped], [200, 4, 5])
  assert.deepEqual(share_over, {
    5: { benign: 5 / 200, attack: 3 / 4 },
    6: { benign: 3 / 200, attack: 2 / 4 },
    7: { benign: 2 / 200, attack: 2 / 4 },
    8: { benign: 1 / 200, attack: 2 / 4 },
  })
  assert.equal(share_over_ci[8].benign?.length, 2)
  assert.equal(auc, (195 + 195.5 + 200 + 200) / 800)
  // Two of 200 may be taken: what is above the third highest.
  assert.deepEqual(tpr_at_fpr, { '0.01': 2 / 4, '0.001': 2 / 4 })
})

test('an evaluation without a class says nothing of it', () => {
  const made = createSample()
  const none = evaluate(made.benign(), made.attack(), 0)
  assert.deepEqual([none.auc, none.auc_ci, none.average_precision, none.tpr_at_fpr['0.01']], [null, null, null, null])
  made.add({ raw: 1, score: 6 }, { label: 1 })
  const attacks = evaluate(made.benign(), made.attack(), 0)
  assert.deepEqual([attacks.auc, attacks.average_precision, attacks.tpr_at_fpr_ci['0.01']], [null, null, null])
  assert.deepEqual(attacks.share_over[6], { benign: null, attack: 1 })
})

test('attacks are measured by kind and by place, at the threshold of all benign requests', () => {
  const made = sample()
  const figures = (by: 'attack' | 'place') =>
    made.groups(by).map(([name, attack]) => {
      const group = evaluateGroup(made.benign(), attack)
      return [name, group.attack, group.tpr_at_fpr['0.01'], group.share_over[5]]
    })
  assert.deepEqual(figures('attack'), [
    ['xss', 2, 0, 0.5],
    ['sqli', 2, 1, 1],
  ])
  assert.deepEqual(figures('place'), [
    ['path', 2, 0.5, 0.5],
    ['hdr:Cookie', 1, 0, 1],
  ])
})

test('samples join, and endless kinds of attack are kept to a hundred', () => {
  const [first, second] = [sample(), createSample()]
  for (let at = 0; at < 3000; at++) second.add({ raw: at, score: 5 }, { label: 1, attack: `kind ${at}` })
  first.addAll(second)
  assert.deepEqual([first.benign().raw.length, first.attack().raw.length, first.capped()], [200, 3004, 5])
  const groups = first.groups('attack')
  assert.equal(groups.length, 100)
  assert.equal(groups.at(-1)?.[0], 'other')
  assert.equal(
    groups.reduce((sum, [, { raw }]) => sum + raw.length, 0),
    3004,
  )
})
