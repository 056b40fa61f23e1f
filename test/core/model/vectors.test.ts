import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { createMeasure, FEATURES } from '../../../src/core/model/features.ts'
import { fieldsOf } from '../../../src/core/model/fields/fields.ts'
import { toHttpRequest } from '../../../src/core/model/request.ts'
import { goodOf, profileOf } from './samples.ts'

// Where our features leave the reference definition on purpose, so that its vectors hold none, or are passed over:
// - multipart: the boundary is compared in its own case (the definition lower-cases it and finds no part), and a file's name is an argument;
// - forms and multipart are read whatever control characters are in them;
// - values beyond 8 KB, arguments beyond 500 and cookies beyond 200 are seen;
// - f_odd, v_len, k_sql, k_inj, c_Swc and c_csc are added behind the definition's 20 features.
const KEPT = 20
const CLOSE = 1e-6

type Vector = { record: Record<string, unknown>; features: number[] }
/** As the definition's own file has them: rounded, under their names. */
type Named = { record: Record<string, unknown>; result: { features: Record<string, number> } }

/** Counts the requests of a file into a profile and compares the vectors of another. */
function assertVectors(
  train: readonly unknown[],
  expected: readonly Vector[],
  isKept: (record: Record<string, unknown>) => boolean,
): number {
  const request = (record: unknown) => goodOf(toHttpRequest(record))
  const measure = createMeasure(profileOf(train.map(request)))
  let compared = 0
  for (const [index, { record, features }] of expected.entries()) {
    if (!isKept(record)) continue
    const { row } = measure(fieldsOf(request(record)))
    features.forEach((value, at) => {
      assert.ok(Math.abs(row[at]! - value) < CLOSE, `vector ${index}, ${FEATURES[at]}: ${row[at]} instead of ${value}`)
    })
    assert.equal(features.length, KEPT)
    compared++
  }
  return compared
}

const lines = <T>(text: string): T[] =>
  text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
const isNoMultipart = ({ headers }: Record<string, unknown>) => !/multipart\/form-data/i.test(JSON.stringify(headers))

// Made by scripts/make-detector-vectors.py.
test('the features of 60 requests, a part of them with an attack, are those of the reference definition', () => {
  const read = (name: string) =>
    lines<Vector>(gunzipSync(readFileSync(new URL(`../../fixtures/detector/${name}`, import.meta.url))).toString())
  assert.equal(assertVectors(read('train.jsonl.gz'), read('expected.jsonl.gz'), isNoMultipart), 60)
})

const REFERENCE = new URL('../../../../shared/reference/detector/', import.meta.url)
const isThere = existsSync(new URL('vectors_expected.jsonl', REFERENCE))
test("the features are those of the definition's own vectors, where it lies beside the project", t => {
  if (!isThere) {
    t.diagnostic(`not compared: no vectors in ${REFERENCE.pathname}`)
    return
  }
  const read = (name: string) => readFileSync(new URL(name, REFERENCE), 'utf8')
  const expected = lines<Named>(read('vectors_expected.jsonl')).map(({ record, result }) => ({
    record,
    features: FEATURES.slice(0, KEPT).map(name => result.features[name]!),
  }))
  assert.equal(assertVectors(lines(read('vectors_train.jsonl')), expected, isNoMultipart), 88)
})
