import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { removeWhole, writeWhole } from '../../src/edge/write-whole.ts'

const folder = mkdtempSync(join(tmpdir(), 'whole-'))
after(() => rmSync(folder, { recursive: true }))

test('whoever reads sees one whole text, however many processes write', async () => {
  const path = join(folder, 'shared')
  const script = `
    import { writeWhole } from '${new URL('../../src/edge/write-whole.ts', import.meta.url)}'
    for (let round = 0; round < 30; round++) writeWhole(process.argv[1], process.argv[2].repeat(200_000))`
  writeFileSync(path, 'a'.repeat(200_000))
  const writers = ['a', 'b', 'c'].map(letter =>
    spawn(process.execPath, ['--input-type=module', '-e', script, path, letter], { stdio: ['ignore', 'ignore', 'inherit'] }),
  )
  const ends = writers.map(async writer => (await once(writer, 'exit'))[0])
  let running = true
  const done = Promise.all(ends).finally(() => {
    running = false
  })
  while (running) {
    const text = readFileSync(path, 'latin1')
    assert.ok(text.length === 200_000 && text === text[0]!.repeat(text.length))
    await new Promise(setImmediate)
  }
  assert.deepEqual(await done, [0, 0, 0])
  assert.deepEqual(readdirSync(folder), ['shared'])
  assert.equal(statSync(path).mode & 0o007, 0)
})

test('a write that fails leaves nothing behind, and a file that is gone can be removed', () => {
  const path = join(folder, 'taken')
  mkdirSync(path)
  assert.throws(() => writeWhole(path, 'x'), /EISDIR|ENOTEMPTY|EEXIST/)
  assert.deepEqual(
    readdirSync(folder).filter(name => name.endsWith('.new')),
    [],
  )
  removeWhole(join(folder, 'none'))
})
