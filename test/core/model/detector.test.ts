import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Fusion, fitVoices, judgeRow } from '../../../src/core/model/detector.ts'
import { FEATURES, TAIL_FEATURES } from '../../../src/core/model/features.ts'
import { PRIOR_LEAVES, PRIOR_QUESTIONS, type Prior } from '../../../src/core/model/prior.ts'
import { mulberry32 } from '../../../src/core/model/random.ts'

/** A prior that objects to the last feature alone, which neither forest nor tails look at. */
const LAST = FEATURES.length - 1
const prior: Prior = {
  features: new Uint8Array(PRIOR_QUESTIONS).fill(LAST),
  thresholds: new Float64Array(PRIOR_QUESTIONS).fill(5),
  leaves: Float64Array.from({ length: PRIOR_LEAVES }, (_, leaf) => (leaf === PRIOR_LEAVES - 1 ? 6 : -4)),
}

function rowsOf(count: number, seed: number): Float64Array[] {
  const random = mulberry32(seed)
  return Array.from({ length: count }, () =>
    Float64Array.from({ length: FEATURES.length }, (_, feature) => (feature === LAST ? 0 : -Math.log(1 - random()))),
  )
}

const rows = rowsOf(1500, 1)
const folds = Uint8Array.from(rows, (_, index) => Math.floor((index * 5) / rows.length))
const fit = (fusion: Fusion, list = rows, of: ArrayLike<number> = folds) =>
  fitVoices(list, { prior, fusion, random: mulberry32(2), folds: of })
const local = fit('local')
const unknown = fit('unknown hosts')
const usual = Float64Array.from({ length: FEATURES.length }, (_, feature) => (feature === LAST ? 0 : 0.7))
const withFeature = (feature: number, value: number) => usual.map((old, index) => (index === feature ? value : old))

test('for known hosts forest and tails decide, and what the prior is sure of helps', () => {
  assert.ok(judgeRow(local, usual) < 1)
  assert.ok(judgeRow(local, withFeature(2, 60)) > 4)
  const helped = judgeRow(local, withFeature(LAST, 9)) - judgeRow(local, usual)
  assert.ok(helped > 0.3, String(helped))
  assert.ok(judgeRow(local, withFeature(LAST, 5)) === judgeRow(local, usual))
})

test('for unknown hosts the prior decides, and tails say nothing', () => {
  assert.ok(judgeRow(unknown, usual) < 1)
  assert.ok(judgeRow(unknown, withFeature(LAST, 9)) > 4)
  const changed = { ...unknown, tails: { ...unknown.tails, reach: unknown.tails.reach.map(reach => reach / 100) } }
  const strange = withFeature(2, 60)
  assert.equal(judgeRow(changed, strange), judgeRow(unknown, strange))
})

for (const [fusion, voices] of [
  ['local', local],
  ['unknown hosts', unknown],
] as const) {
  test(`${fusion}: about one in a hundred new rows reaches 2, none of 3,000 reaches 5`, () => {
    const found = rowsOf(3000, 3).map(row => judgeRow(voices, row))
    const share = found.filter(lp => lp >= 2).length / found.length
    assert.ok(share > (fusion === 'local' ? 0.003 : 0.0005) && share < 0.025, String(share))
    assert.ok(found.every(lp => lp >= 0 && lp < 5))
  })
}

for (const { count, isSettled } of [
  { count: 1300, isSettled: true },
  { count: 1200, isSettled: false },
]) {
  test(`of ${count} rows the stranger first fifth ${isSettled ? 'does not lay' : 'lays'} the scale of what comes after it`, () => {
    const list = rowsOf(count, 5).map((row, index) => (index < count / 5 ? row.map(value => value * 2) : row))
    const voices = fit(
      'local',
      list,
      Uint8Array.from(list, (_, index) => Math.floor((index * 5) / count)),
    )
    const found = rowsOf(3000, 6).filter(row => judgeRow(voices, row) >= 2).length / 3000
    assert.equal(found > 0.002 && found < 0.025, isSettled, String(found))
  })
}

test('rows that are all alike are ordinary to what was fitted to them, also a hair off; far off is not', () => {
  for (const count of [10, 13, 100, 1500]) {
    const same = Array.from({ length: count }, () => usual)
    const voices = fit(
      'local',
      same,
      Uint8Array.from(same, (_, index) => index % 5),
    )
    assert.ok(judgeRow(voices, usual) < 1)
    assert.ok(
      judgeRow(
        voices,
        usual.map(value => value * (1 + 1e-6)),
      ) < 2,
    )
    assert.ok(
      judgeRow(
        voices,
        usual.map(value => value * (1 - 1e-6)),
      ) < 2,
    )
    assert.ok(judgeRow(voices, withFeature(TAIL_FEATURES - 1, 50)) > 3, String(count))
  }
})

test('rows of one fold only can be fitted', () => {
  const voices = fit('local', rows.slice(0, 12), new Uint8Array(12))
  assert.ok(Number.isFinite(judgeRow(voices, usual)))
})
