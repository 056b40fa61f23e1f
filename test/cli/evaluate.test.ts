import assert from 'node:assert/strict'
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { modelToText } from '../../src/core/model/model-text.ts'
import { ordinaryRequests, trainedModel } from '../core/model/samples.ts'
import { modwarden, openFolder } from './modwarden.ts'

const folder = openFolder('evaluate-')
after(() => rmSync(folder, { recursive: true }))

const model = join(folder, 'model.json')
writeFileSync(model, modelToText(trainedModel({ count: 1000 })))

const ATTACK = `/?id=${'%27%20UNION%20SELECT%20'.repeat(60)}`
const benign = ordinaryRequests(100, 9).map(({ uri, headers }) => ({ uri, headers: Object.fromEntries(headers), label: 0 }))
const attacks = Array.from({ length: 20 }, (_, at) => ({ uri: `${ATTACK}${at}`, label: 1, attack: at < 15 ? 'sqli' : 'xss', graft: 'arg' }))
const text = (rows: readonly unknown[]) => rows.map(row => `${JSON.stringify(row)}\n`).join('')
const LABELLED = text([...benign, ...attacks])

function inFile(name: string, content: string | Buffer): string {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, content)
  return path
}

test('evaluate --json says what the contract says, with intervals', async () => {
  const { code, objects, errors } = await modwarden(['evaluate', '--data', inFile('a.jsonl', LABELLED), '--model', model, '--json'])
  assert.deepEqual([code, errors], [0, ''])
  const [row, ...more] = objects()
  assert.deepEqual(more, [])
  assert.deepEqual([row.auc, row.average_precision, row.tpr_at_fpr], [1, 1, { '0.01': 1, '0.001': 1 }])
  assert.deepEqual([row.benign, row.attack, row.model, row.data, row.kind], [100, 20, 'test-1', 'a.jsonl', 'file'])
  assert.deepEqual(Object.keys(row.share_over), ['5', '6', '7', '8'])
  assert.equal(row.share_over['8'].attack, 1)
  assert.ok(row.auc_ci[0] > 0.8 && row.tpr_at_fpr_ci['0.001'][0] === 0 && row.share_over_ci['5'].benign.length === 2)
})

test('evaluate tells a folder file by file and subfolder by subfolder', async () => {
  const top = join(folder, 'sets')
  inFile('sets/one.jsonl', LABELLED)
  inFile('sets/deep/er/two.jsonl.gz', gzipSync(LABELLED))
  inFile('sets/deep/three.jsonl.zst', zstdCompressSync(text(attacks)))
  inFile('sets/README.md', 'no data')
  symlinkSync(top, join(top, 'deep', 'circle'))
  symlinkSync(join(top, 'one.jsonl'), join(top, 'deep', 'link.jsonl'))
  const { code, objects, errors } = await modwarden(['evaluate', '--data', top, '--model', model, '--json', '--by', 'attack', 'place'])
  assert.deepEqual([code, errors], [0, ''])
  const rows = objects()
  assert.deepEqual(
    rows.map(({ data, kind, benign, attack }) => [data, kind, benign, attack]),
    [
      ['deep/er/two.jsonl.gz', 'file', 100, 20],
      ['deep/er/', 'folder', 100, 20],
      ['deep/link.jsonl', 'file', 100, 20],
      ['deep/three.jsonl.zst', 'file', 0, 20],
      ['deep/', 'folder', 200, 60],
      ['one.jsonl', 'file', 100, 20],
    ],
  )
  assert.deepEqual([rows[3].auc, rows[3].tpr_at_fpr['0.01'], rows[3].share_over['5'].benign], [null, null, null])
  assert.deepEqual([rows[4].by_attack.sqli.attack, rows[4].by_attack.xss.attack, rows[4].by_place.arg.attack], [45, 15, 60])

  const table = await modwarden(['evaluate', '--data', top, '--model', model, '--by', 'attack'])
  const lines = table.out.split('\n')
  assert.match(lines[0]!, /^DATA +BENIGN +ATTACK +AUC +95 % CI +AP +TPR@1% +95 % CI +TPR@0\.1% /)
  // Six rows, then two kinds of attack for each subfolder and for what stands in none.
  assert.equal(lines.filter(line => line !== '').length, 1 + 6 + 1 + 3 * 2)
  assert.match(table.out, /\ndeep\/ +sqli +45 +1\.000 /)
  assert.match(table.out, /\none\.jsonl +xss +5 /)
})

test('evaluate counts what it leaves out, and says so', async () => {
  const path = inFile('mixed.jsonl', `${LABELLED}nonsense\n\n{"uri":"/"}\n{"uri":5,"label":1}\n`)
  const { code, objects, errors } = await modwarden(['evaluate', '--data', path, '--model', model, '--json'])
  assert.equal(code, 0)
  const [{ benign: clean, attack, unlabelled, broken }] = objects()
  assert.deepEqual([clean, attack, unlabelled, broken], [100, 20, 1, 2])
  assert.match(
    errors,
    /left out 1: is no JSON \(first at .*mixed\.jsonl, line 121\)\nleft out 1: must be a request.*line 124\)\nleft out 1: requests without a label/,
  )
})

test('evaluate goes on after a file that cannot be read, and ends with 1', async () => {
  const broken = inFile('broken/a.jsonl.gz', gzipSync(LABELLED))
  truncateSync(broken, 500)
  inFile('broken/b.jsonl', '203.0.113.7 - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 1\n')
  inFile('broken/c.jsonl', LABELLED)
  const { code, objects, errors } = await modwarden(['evaluate', '--data', join(folder, 'broken'), '--model', model, '--json'])
  assert.equal(code, 1)
  assert.deepEqual(
    objects().map(({ data }) => data),
    ['c.jsonl'],
  )
  assert.match(
    errors,
    /cannot read .*a\.jsonl\.gz: unexpected end of file\n.*b\.jsonl is an access log; evaluate needs JSON lines with labels/,
  )
})

test('evaluate takes several paths by their whole names', async () => {
  const one = inFile('x/one.jsonl', LABELLED)
  const { objects } = await modwarden(['evaluate', '--data', one, join(folder, 'x'), '--model', model, '--json'])
  assert.deepEqual(
    objects().map(({ data }) => data),
    [one, join(folder, 'x', 'one.jsonl')],
  )
})

for (const { name, args, code, says } of [
  { name: 'no data', args: [], code: 64, says: /--data/ },
  { name: 'a file that is not there', args: ['--data', '/no/such/file'], code: 1, says: /cannot read \/no\/such\/file: ENOENT/ },
  { name: 'a folder without data', args: ['--data', '/proc/self/fd'], code: 1, says: /holds no file called \*\.jsonl/ },
  { name: 'an unknown grouping', args: ['--data', model, '--by', 'colour'], code: 64, says: /Allowed choices are attack, place/ },
  { name: 'a model that is none', args: ['--data', model, '--model', '/dev/null'], code: 1, says: /\/dev\/null is no file/ },
]) {
  test(`evaluate refuses ${name} with ${code}`, async () => {
    const run = await modwarden(['evaluate', ...args])
    assert.equal(run.code, code)
    assert.match(run.errors, says)
    assert.doesNotMatch(run.errors, / {4}at |node:internal/)
  })
}
