import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createSplitter } from '../../src/core/entry/split.ts'
import { openIndexed, readIndexedFiles } from '../../src/edge/indexed-file.ts'

const root = mkdtempSync(join(tmpdir(), 'indexed-'))
const storage = join(root, 'storage')
const outside = join(root, 'outside')
after(() => rmSync(root, { recursive: true }))

const ENTRY = '{"transaction":{"client_ip":"192.0.2.1","unique_id":"a"}}\n'
const LONG = `{"transaction":{"client_ip":"192.0.2.1","request":{"body":"${'\\u0001'.repeat(3_000_000)}"},"messages":["last"]}}\n`
const line = (path: string) => `h 192.0.2.1 - [x] "GET /" 200 5 uid - ${path} 0 5.000000 md5:1aaa99cb5862cd28191c0f6cfadcc94f`

mkdirSync(join(storage, '20261122/20261122-0957'), { recursive: true })
mkdirSync(join(outside, '20261122-0957'), { recursive: true })
writeFileSync(join(storage, '20261122/20261122-0957/a'), ENTRY)
writeFileSync(join(storage, '20261122/20261122-0957/big'), '')
truncateSync(join(storage, '20261122/20261122-0957/big'), 128 * 2 ** 20 + 1)
writeFileSync(join(storage, '20261122/20261122-0957/long'), LONG)
writeFileSync(join(storage, '20261122/20261122-0957/empty'), '')
writeFileSync(join(storage, '20261122/20261122-0957/two'), ENTRY + ENTRY)
writeFileSync(join(outside, '20261122-0957/secret'), ENTRY)
symlinkSync(join(outside, '20261122-0957/secret'), join(storage, '20261122/20261122-0957/link'))
symlinkSync(outside, join(storage, '20261123'))
execFileSync('mkfifo', [join(storage, '20261122/20261122-0957/pipe')])

for (const path of [`${storage}/20261122/20261122-0957/a`, '/20261122/20261122-0957/a', '/moved/elsewhere/20261122/20261122-0957/a']) {
  test(`the file is found by ${path.replace(root, '')}`, async () => {
    const found = await openIndexed(line(path), storage)
    assert.deepEqual(found, { ok: true, value: { text: ENTRY.trimEnd(), format: 'v3-json', trust: 'full' } })
  })
}

test('the file is found where the storage folder has a blank in its path, and what a client sent names none', async () => {
  const blank = join(root, 'audit data')
  const name = '20261122/20261122-0957/20261122-095715-a.1'
  mkdirSync(join(blank, '20261122/20261122-0957'), { recursive: true })
  writeFileSync(join(blank, name), ENTRY)
  const found = await openIndexed(line(`${blank}/${name}`), blank)
  assert.deepEqual(found, { ok: true, value: { text: ENTRY.trimEnd(), format: 'v3-json', trust: 'full' } })
  const splitter = createSplitter({ offset: 0 })
  const pieces = splitter.push(Buffer.from(`${line(`${blank}/${name}`)}\n`))
  assert.deepEqual(
    [...pieces, ...splitter.settle()].map(piece => (piece.kind === 'entry' ? piece.format : piece.problem)),
    ['index-line'],
  )
  assert.equal((await openIndexed(`h ${blank}/${name} `, blank)).ok, false)
})

test('a line like those of Coraza names no file that ModSecurity wrote', async () => {
  const name = '20261122/20261122-0957/20261122-095716-a'
  const coraza = `a - ${storage}/${name}`
  writeFileSync(join(storage, name), ENTRY)
  const found = await openIndexed(coraza, storage)
  assert.deepEqual(found, { ok: false, problem: 'a line as Coraza writes it names a file that Coraza did not write' })
  assert.ok((await openIndexed(line(`/${name}`), storage)).ok)
  writeFileSync(join(storage, name), '{"transaction":{"timestamp":"2026/11/22 09:57:16","id":"a"}}\n')
  assert.ok((await openIndexed(coraza, storage)).ok)
})

test('of a file of 18 MB the long strings are cut', async () => {
  const found = await openIndexed(line('/20261122/20261122-0957/long'), storage)
  assert.ok(found.ok)
  const { text, ...more } = found.value
  assert.deepEqual(more, { format: 'v3-json', trust: 'full' })
  assert.ok(text.length < 1e6)
  assert.deepEqual(JSON.parse(text).transaction.messages, ['last'])
})

const refused: [string, RegExp][] = [
  ['/20261122/20261122-0957/link', /ELOOP/],
  ['/20261123/20261122-0957/secret', /link on the way/],
  ['/20261122/20261122-0957/../../../outside/20261122-0957/secret', /not below the storage folder/],
  ['/20261122/20261122-0957/pipe', /no regular file/],
  ['/20261122/20261122-0957/big', /longer than/],
  ['/20261122/20261122-0957', /no regular file/],
  ['/20261122/20261122-0957/empty', /empty/],
  ['/20261122/20261122-0957/two', /more than one/],
  ['/20261122/20261122-0957/gone', /ENOENT/],
]
for (const [path, problem] of refused) {
  test(`${path} is refused`, async () => {
    const found = await openIndexed(line(path), storage)
    assert.ok(!found.ok)
    assert.match(found.problem, problem)
  })
}

test('a batch gets the transactions in the place of its index lines', async () => {
  const log = join(storage, 'audit.log')
  const item = { kind: 'entry', log, inode: 1n, offset: 10, length: 20, format: 'index-line', trust: 'full' } as const
  const other = { ...item, format: 'v3-json', text: 'x' } as const
  const items = [other, { ...item, text: line('/20261122/20261122-0957/a') }, { ...item, text: line('/20261122/20261122-0957/gone') }]
  const batch = { log, items, files: [], lostBytes: 0, pendingBytes: 0 }
  const read = await readIndexedFiles(batch, '')
  assert.deepEqual(
    read.items.map(({ kind, offset, length }) => [kind, offset, length]),
    [
      ['entry', 10, 20],
      ['entry', 10, 20],
      ['skipped', 10, 20],
    ],
  )
  assert.deepEqual(read.items[0], other)
  const [, entry] = read.items
  assert.ok(entry?.kind === 'entry' && entry.format === 'v3-json' && entry.text === ENTRY.trimEnd())
})
