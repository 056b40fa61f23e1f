import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { MOST_BYTES } from './package/size.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PACKAGE = join(ROOT, 'scripts/package')
/** What ELF calls the kinds of processor. */
const MACHINES = { amd64: 0x3e, arm64: 0xb7 } as const
const folder = mkdtempSync(join(tmpdir(), 'modwarden-package-'))
after(() => rmSync(folder, { recursive: true }))

const run = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8' })
const build = (...args: string[]) => spawnSync(PACKAGE, ['--out', folder, ...args], { encoding: 'utf8' })
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }

// That of this machine's own kind of processor is built, weighed and installed by systemd.test.ts.
const arch = process.arch === 'arm64' ? 'amd64' : 'arm64'

test(`the package for ${arch} is built here too: it is small, and its programs are for ${arch}`, t => {
  const { status, stderr } = build('--arch', arch)
  // A program, or the Node of the other kind of processor, is not to be had.
  if (status === 69) return t.skip(stderr.trim().split('\n').at(-1))
  assert.equal(status, 0, stderr)
  const deb = join(folder, `modwarden_${version}_${arch}.deb`)
  t.diagnostic(`${statSync(deb).size / 1e6} MB`)
  assert.ok(statSync(deb).size <= MOST_BYTES)
  assert.equal(run('dpkg-deb', '--field', deb, 'Architecture').trim(), arch)
  const tree = join(folder, 'tree')
  run('dpkg-deb', '--extract', deb, tree)
  const programs = run('find', tree, '-type', 'f', '(', '-name', 'node', '-o', '-name', '*.node', ')').trim().split('\n')
  assert.equal(programs.length, 2, programs.join())
  for (const path of programs) assert.equal(readFileSync(path).readUInt16LE(18), MACHINES[arch], path)
})

test('another processor is refused, and a wrong option says how it is used', () => {
  assert.deepEqual(
    [build('--arch', 'mips').status, build('--arch', 'mips').stderr],
    [64, "there is no recipe for 'mips': only for amd64 and arm64\n"],
  )
  const { status, stderr } = build('--fast')
  assert.equal(status, 64)
  assert.match(stderr, /^Usage: scripts\/package \[--arch amd64\|arm64\] \[--release\] \[--out DIR\]/m)
})
