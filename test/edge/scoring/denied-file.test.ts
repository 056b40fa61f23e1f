import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { watchDeniedFile } from '../../../src/edge/scoring/denied-file.ts'

const replacements: [name: string, put: (path: string) => void, problem: RegExp][] = [
  ['a folder', path => mkdirSync(path), /is no file/],
  [
    'garbage',
    path => writeFileSync(path, Buffer.from(Array.from({ length: 100_000 }, (_, at) => (at * 167 + (at >> 8)) % 256))),
    /none says who/,
  ],
  ['a line that never ends', path => writeFileSync(path, 'a'.repeat(3_000_000)), /none says who/],
  ['a pipe that nobody writes to', path => execFileSync('mkfifo', [path]), /is no file/],
  ['a link to what never ends', path => symlinkSync('/dev/zero', path), /is no file/],
]
for (const [name, put, problem] of replacements)
  test(`the old list holds while ${name} stands in its place, and the next one is taken`, { timeout: 10_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'modwarden-denied-'))
    const path = join(folder, 'denied')
    const watched = watchDeniedFile(path, { every: 0, clock: () => 1 })
    const look = async () => {
      watched.refresh()
      await watched.settled()
      return ['192.0.2.1', '192.0.2.2'].filter(ip => watched.current().isDenied(ip, 1))
    }
    writeFileSync(path, '192.0.2.1 -\n')
    assert.deepEqual(await look(), ['192.0.2.1'])
    rmSync(path)
    put(path)
    assert.deepEqual(await look(), ['192.0.2.1'])
    assert.match(watched.problem()!, problem)
    rmSync(path, { recursive: true })
    writeFileSync(path, '192.0.2.2 -\n')
    assert.deepEqual([await look(), watched.problem()], [['192.0.2.2'], undefined])
    writeFileSync(path, '')
    assert.deepEqual([await look(), watched.problem()], [[], undefined])
    rmSync(folder, { recursive: true })
  })
