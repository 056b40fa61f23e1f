import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { TrainingItem } from '../../../src/core/training/item.ts'
import { openTrainingSource, type SourceOptions } from '../../../src/edge/training/source.ts'
import { auditLog, CONCURRENT, SERIAL, tree, truths, WORSTCASE } from '../../core/entry/corpus.ts'

const folder = mkdtempSync(join(tmpdir(), 'training-'))
after(() => rmSync(folder, { recursive: true }))

let files = 0
function inFile(content: string | Buffer, name = 'data'): string {
  const path = join(folder, `${name}-${files++}`)
  writeFileSync(path, content)
  return path
}

async function readAll(paths: readonly string[], options: SourceOptions = {}): Promise<TrainingItem[]> {
  const source = openTrainingSource(paths, options)
  try {
    return await Array.fromAsync(source.read())
  } finally {
    source.close()
  }
}

const requests = (items: readonly TrainingItem[]) => items.filter(item => item.ok)
const problems = (items: readonly TrainingItem[]) => items.filter(item => !item.ok)
const LINES = ['{"uri":"/ü","label":0}', '', 'nonsense', '{"uri":"/b","label":1,"attack":"xss","ip":"203.0.113.7","at":5}']
const ACCESS = '203.0.113.7 - - [10/Oct/2026:13:55:36 +0200] "GET /a HTTP/1.1" 403 512 "-" "x"\n203.0.113.7 - - x\n'

test('requests come with their labels, problems with their place, empty lines not at all', async () => {
  const path = inFile(LINES.join('\r\n'))
  const expected = [
    { uri: '/\xc3\xbc', labels: { isSuspect: false, label: 0 } },
    { uri: '/b', labels: { isSuspect: false, label: 1, attack: 'xss', ip: '203.0.113.7', at: 5000 } },
  ]
  const items = await readAll([path])
  assert.deepEqual(
    requests(items).map(({ ok, request, ...labels }) => ({ uri: request.uri, labels })),
    expected,
  )
  assert.deepEqual(problems(items), [{ ok: false, problem: 'is no JSON', file: path, where: 'line 3' }])
})

test('an access log gives requests with few headers, and suspects what was refused', async () => {
  const items = await readAll([inFile(ACCESS)])
  const [request] = requests(items)
  assert.deepEqual([request?.request.knownHeaders, request?.ip, request?.isSuspect], ['few', '203.0.113.7', true])
  assert.equal(problems(items).length, 1)
  const missing = await readAll([inFile(ACCESS.replace(' 403 ', ' 404 '))])
  assert.deepEqual([request?.isNotFound, requests(missing)[0]?.isNotFound], [undefined, true])
})

for (const { packing, pack } of [
  { packing: 'nothing', pack: (text: string) => Buffer.from(text) },
  { packing: 'gzip', pack: (text: string) => gzipSync(text) },
  { packing: 'gzip in two members', pack: (text: string) => Buffer.concat([gzipSync(text.slice(0, 9)), gzipSync(text.slice(9))]) },
  { packing: 'zstd', pack: (text: string) => zstdCompressSync(text) },
]) {
  test(`a file packed with ${packing} is known by its bytes, not by its name, and can be read again`, async () => {
    const source = openTrainingSource([inFile(pack(LINES.join('\n')), 'x.gz'), inFile(pack(ACCESS), 'x.txt'), inFile(pack(''))])
    assert.deepEqual(
      source.files.map(({ kind }) => kind),
      ['requests', 'access-log', 'empty'],
    )
    let bytes = 0
    const first = await Array.fromAsync(source.read(count => (bytes += count)))
    assert.equal(bytes, source.totalBytes)
    assert.equal(first.length, 5)
    assert.deepEqual(await Array.fromAsync(source.read()), first)
    source.close()
  })
}

for (const name of SERIAL) {
  test(`an audit log gives every request that reached the server: ${name}`, async () => {
    const items = await readAll([inFile(auditLog(name))])
    const real = truths(name).filter(({ method }) => method !== null)
    assert.deepEqual(problems(items), [])
    assert.deepEqual(
      requests(items)
        .map(({ ip }) => ip)
        .sort(),
      truths(name)
        .map(({ logged_ip }) => logged_ip)
        .sort(),
    )
    // What the server denied or its rules objected to is never an example of what is ordinary.
    const denied = real.filter(({ blocked }) => blocked).length
    assert.ok(requests(items).filter(({ isSuspect }) => isSuspect).length >= denied && denied > 0)
    assert.ok(requests(items).some(({ isSuspect }) => !isSuspect))
  })
}

for (const name of WORSTCASE) {
  test(`forged entries are suspect or problems: ${name}`, async () => {
    const items = await readAll([inFile(auditLog(name))])
    assert.ok(requests(items).length <= truths(name).length)
    assert.ok(problems(items).length > 0)
  })
}

for (const name of CONCURRENT) {
  test(`the index of a concurrent log gives what its files hold, wherever they lie: ${name}`, async () => {
    const home = mkdtempSync(join(folder, 'tree-'))
    for (const [path, bytes] of tree(name)) {
      const target = join(home, 'storage', path)
      mkdirSync(dirname(target), { recursive: true })
      writeFileSync(target, bytes)
    }
    const index = join(home, 'index.log')
    writeFileSync(index, auditLog(name))
    const top = [...tree(name).keys()][0]!.split('/').slice(0, -3).join('/')
    const items = await readAll([index], { storage: join(home, 'storage', top) })
    assert.equal(requests(items).length, truths(name).length)
    const lost = await readAll([index], { storage: join(home, 'nowhere') })
    assert.equal(problems(lost).length, truths(name).length)
  })
}

test('what is appended, rotated or renamed meanwhile does not show', async () => {
  const path = inFile(`${LINES[0]}\n${LINES[3]}\n`)
  const source = openTrainingSource([path])
  const first = await Array.fromAsync(source.read())
  appendFileSync(path, `${LINES[0]}\n`)
  renameSync(path, `${path}.1`)
  writeFileSync(path, 'new')
  assert.deepEqual(await Array.fromAsync(source.read()), first)
  assert.equal(first.length, 2)
  source.close()
})

test('what was truncated or rewritten in place is told, not read as if it were the same', async () => {
  for (const rewrite of [(path: string) => truncateSync(path, 20), (path: string) => writeFileSync(path, `${LINES[3]}\n`.repeat(9))]) {
    const path = inFile(`${LINES[0]}\n`.repeat(5))
    const source = openTrainingSource([path])
    await Array.fromAsync(source.read())
    rewrite(path)
    await assert.rejects(Array.fromAsync(source.read()), /cannot read .*: it was truncated or rewritten while it was being read/)
    source.close()
  }
})

test('reading can be left early, and again', async () => {
  const source = openTrainingSource([inFile(gzipSync(`${LINES[0]}\n`.repeat(100_000)))])
  for (let times = 0; times < 3; times++) for await (const item of source.read()) if (item.ok) break
  assert.equal((await Array.fromAsync(source.read())).length, 100_000)
  source.close()
})

const refused: { name: string; make: () => string; says: RegExp }[] = [
  { name: 'a file that is not there', make: () => join(folder, 'none'), says: /cannot read .*none: ENOENT/ },
  { name: 'a folder', make: () => folder, says: /it is a folder; name its files/ },
  { name: 'a device', make: () => '/dev/zero', says: /\/dev\/zero: it is no regular file/ },
  { name: 'text', make: () => inFile('Dear reader,\n'), says: /it is none of requests as JSON lines/ },
  {
    name: 'binary garbage',
    make: () => inFile(Buffer.from(Uint8Array.from({ length: 100_000 }, (_, at) => (at * 7919) >> 3))),
    says: /it is none of/,
  },
  {
    name: 'a foreign packing',
    make: () => inFile(Buffer.from('fd377a585a00000004', 'hex')),
    says: /packed in a way that is not read here/,
  },
  {
    name: 'damaged gzip',
    make: () => inFile(Buffer.concat([Buffer.from('1f8b0800', 'hex'), Buffer.alloc(900, 7)])),
    says: /it is damaged/,
  },
  {
    name: 'a circle of links',
    make: () => {
      symlinkSync(join(folder, 'circle'), join(folder, 'circle'))
      return join(folder, 'circle')
    },
    says: /circle: ELOOP/,
  },
  {
    name: 'a pipe without a writer',
    make: () => {
      execFileSync('mkfifo', [join(folder, 'pipe')])
      return join(folder, 'pipe')
    },
    says: /pipe: it is no regular file/,
  },
]
for (const { name, make, says } of refused) {
  test(`a source is refused and named: ${name}`, () => assert.throws(() => openTrainingSource([inFile(LINES[0]!), make()]), says))
}

test('a packed file that was cut short gives what it holds, then says so', async () => {
  const path = inFile(gzipSync(Array.from({ length: 20_000 }, (_, at) => `{"uri":"/${at * 7919}"}\n`).join('')))
  truncateSync(path, 20_000)
  const source = openTrainingSource([path])
  let read = 0
  await assert.rejects(async () => {
    for await (const item of source.read()) if (item.ok) read += 1
  }, /cannot read .*: unexpected end of file/)
  assert.ok(read > 100)
  source.close()
})

test('a line of 100 MB is passed over within little memory', async () => {
  const path = inFile(`${LINES[0]}\n`)
  for (let times = 0; times < 100; times++) appendFileSync(path, Buffer.alloc(1 << 20, 'a'))
  appendFileSync(path, `\n${LINES[0]}`)
  const before = process.memoryUsage().rss
  const items = await readAll([path])
  assert.deepEqual(
    items.map(item => item.ok || [item.where, item.problem]),
    [true, ['line 2', 'is longer than 16777216 bytes'], true],
  )
  assert.ok(process.memoryUsage().rss - before < 150e6)
})
