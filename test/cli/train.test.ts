import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openStore } from '../../src/edge/store/store.ts'
import { baseModel, ordinaryRequests } from '../core/model/samples.ts'
import { v3Entry } from '../entries.ts'
import { modwarden, openFolder } from './modwarden.ts'

const BASE = baseModel().version
const folder = openFolder('train-')
after(() => rmSync(folder, { recursive: true }))

const lines = ordinaryRequests(200, 1).map(({ uri, headers }) => JSON.stringify({ uri, headers: Object.fromEntries(headers) }))
const clean = inFile('clean.jsonl', lines)

function inFile(name: string, content: readonly string[]): string {
  const path = join(folder, name)
  const text = content.map(line => `${line}\n`).join('')
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text)
  return path
}

const forestOf = (body: Record<string, unknown>) => (body.detector as Record<string, unknown>).forest

/** Reads the one model of a folder, without its version and time. */
function onlyModel(models: string): Record<string, unknown> {
  const [name, ...others] = readdirSync(models).filter(file => file !== 'active.json' && !file.startsWith('.'))
  assert.deepEqual(others, [])
  const { version, trained_at, ...body } = JSON.parse(readFileSync(join(models, name!), 'utf8')).body
  assert.equal(`${version}.json`, name)
  assert.ok(Math.abs(trained_at - Date.now()) < 60_000)
  return body
}

test('train keeps a model beside the others, and score takes it up once it is active', async () => {
  const models = join(folder, 'models')
  const kept = await modwarden(['train', '--from', clean, '--model-dir', models])
  assert.deepEqual([kept.code, kept.errors], [0, ''])
  assert.match(
    kept.out,
    /models\/[\w-]+\.json: trained on 200 requests of 1 hosts \(trial on the last 40: \d reach 5, 0 reach 8; \d\d of 48 attacks reach 5\); --activate lets it score\n$/,
  )
  assert.equal((await modwarden(['score', '--model-dir', models], '{"uri":"/"}')).objects()[0].model, BASE)

  const active = await modwarden(['train', '--from', clean, '--model-dir', models, '--activate'])
  assert.equal(active.code, 0)
  assert.match(active.out, /active now\n$/)
  const version = /([\w-]+)\.json: trained/.exec(active.out)?.[1]
  assert.equal((await modwarden(['score', '--model-dir', models], '{"uri":"/"}')).objects()[0].model, version)
  assert.equal(readdirSync(models).filter(file => file.endsWith('Z.json')).length, 2)
})

test('the same seed and requests give the same model, from .gz and from several files too', async () => {
  const packed = inFile('clean.jsonl.gz', lines)
  const halves = [inFile('first.jsonl', lines.slice(0, 100)), inFile('second.jsonl', lines.slice(100))]
  const train = async (name: string, args: readonly string[]) => {
    const models = join(folder, name)
    const { code, errors } = await modwarden(['train', '--model-dir', models, ...args])
    assert.deepEqual([code, errors], [0, ''])
    return onlyModel(models)
  }
  const first = await train('a', ['--seed', '7', '--from', clean])
  assert.equal(first.seed, 7)
  assert.deepEqual(await train('b', ['--seed', '7', '--from', packed]), first)
  assert.deepEqual(await train('c', ['--seed', '7', '--from', ...halves]), first)
  assert.notDeepEqual(forestOf(await train('d', ['--seed', '8', '--from', clean])), forestOf(first))
})

test('what is labelled as an attack, and what is no request, is left out and told', async () => {
  const labelled = (label: unknown) => JSON.stringify({ uri: '/', label })
  const mixed = inFile('mixed.jsonl', [...lines, labelled(1), labelled(1), labelled(0), 'nonsense', '', '{"uri":1}', labelled('attack')])
  const models = join(folder, 'mixed')
  const { code, out, errors } = await modwarden(['train', '--from', mixed, '--model-dir', models])
  assert.equal(code, 0)
  assert.match(out, /trained on 201 requests/)
  assert.match(
    errors,
    /^left out 2: requests that are labelled as attacks\nleft out 1: is no JSON \(first at .*mixed\.jsonl, line 204\)\nleft out 1: must be a request such as .*\(first at .*, line 206\)\nleft out 1: has a label that is neither 0 nor 1 \(first at .*, line 207\)\n$/,
  )
  assert.equal(onlyModel(models).trained_on, 201)
})

test('audit logs and access logs train too, without what the WAF or the server objected to', async () => {
  const entries = (count: number, fields: object) =>
    Array.from({ length: count }, (_, at) => v3Entry({ ip: '203.0.113.7', uri: `/shop?page=${at}`, ...fields }).trim())
  const audit = inFile('audit.log.gz', [...entries(60, {}), ...entries(3, { denied: true })])
  const access = (count: number, status: number) =>
    Array.from(
      { length: count },
      (_, at) => `203.0.113.7 - - [10/Oct/2026:13:55:36 +0200] "GET /shop?page=${at} HTTP/1.1" ${status} 5 "-" "x"`,
    )
  const log = inFile('access.log', [...access(40, 200), ...access(2, 403), 'garbage'])
  const models = join(folder, 'logs')
  const { code, out, errors } = await modwarden(['train', '--from', audit, log, clean, '--model-dir', models])
  assert.equal(code, 0)
  assert.match(out, /trained on 300 requests/)
  assert.match(
    errors,
    /^left out 1: is no line of an access log.*\(first at .*access\.log, line 43\)\nleft out 5: requests to which the WAF or the server objected\n$/,
  )
})

for (const { name, args, code, says } of [
  {
    name: 'a text',
    args: ['--from', inFile('text.txt', ['Dear reader,'])],
    code: 1,
    says: /text\.txt: it is none of requests as JSON lines/,
  },
  { name: 'a folder', args: ['--from', folder], code: 1, says: /it is a folder; name its files/ },
  { name: '9 requests', args: ['--from', inFile('nine.jsonl', lines.slice(0, 9))], code: 1, says: /at least 10 clean requests, got 9/ },
  { name: 'an empty file', args: ['--from', inFile('empty.jsonl', [])], code: 1, says: /at least 10 clean requests, got 0/ },
  { name: 'a file that is not there', args: ['--from', '/no/such/file'], code: 1, says: /cannot read \/no\/such\/file: ENOENT/ },
  { name: 'no file at all', args: [], code: 64, says: /--from/ },
  { name: 'a seed in words', args: ['--from', clean, '--seed', 'one'], code: 64, says: /--seed: must be a whole number.*got 'one'/ },
  { name: 'a seed below 0', args: ['--from', clean, '--seed=-1'], code: 64, says: /--seed/ },
  { name: 'a seed with a fraction', args: ['--from', clean, '--seed', '1.5'], code: 64, says: /--seed/ },
  { name: 'a seed of more than 32 bits', args: ['--from', clean, '--seed', '4294967296'], code: 64, says: /--seed/ },
  { name: 'an unknown option', args: ['--from', clean, '--nonsense'], code: 64, says: /--nonsense/ },
]) {
  test(`train refuses ${name} with ${code} and leaves no model`, async () => {
    const models = join(folder, 'refused')
    const run = await modwarden(['train', '--model-dir', models, '--activate', ...args])
    assert.equal(run.code, code)
    assert.match(run.errors, says)
    assert.doesNotMatch(run.errors, / {4}at |node:internal/)
    assert.throws(() => readdirSync(models), /ENOENT/)
  })
}

test('--scheduled trains on the own traffic with its rotated files, and keeps what scores when there is nothing to learn', async () => {
  const own = openFolder('own-')
  after(() => rmSync(own, { recursive: true }))
  const config = join(own, 'modwarden.toml')
  const state = join(own, 'score')
  writeFileSync(
    config,
    `audit_log = "${own}/audit.log"\ndatabase = "${own}/m.db"\nmodel_dir = "${own}/models"\n[score]\nstate_dir = "${state}"\n`,
  )
  openStore(join(own, 'm.db'), { create: true }).close()
  writeFileSync(join(own, 'audit.log'), '')
  const nothing = await modwarden(['--config', config, 'train', '--scheduled'])
  assert.deepEqual([nothing.code, nothing.out], [0, 'the model that scores stays: training needs at least 10 clean requests, got 0\n'])
  writeFileSync(join(own, 'audit.log.1'), Array.from({ length: 20 }, () => v3Entry({ ip: '192.0.2.1' })).join(''))
  mkdirSync(state)
  writeFileSync(join(state, 'clean.jsonl'), `${lines.slice(0, 5).join('\n')}\n`)
  const { code, out } = await modwarden(['--config', config, 'train', '--scheduled'])
  assert.equal(code, 0)
  assert.match(out, /trained on 25 requests of \d hosts \(too few to try it on\), active now\n$/)
})
