import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { loadSettings, SettingsError } from '../../src/edge/settings-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'modwarden-settings-'))
after(() => rmSync(folder, { recursive: true }))
const path = join(folder, 'modwarden.toml')
mkdirSync(join(folder, 'conf.d'))

function problems(load: () => unknown): readonly string[] {
  try {
    load()
  } catch (error) {
    assert.ok(error instanceof SettingsError)
    return error.problems
  }
  return []
}

test('conf.d is read after the file, in order', () => {
  writeFileSync(path, 'block_time = "1h"\nmode = "observe"\n')
  writeFileSync(join(folder, 'conf.d/10-a.toml'), 'block_time = "2h"\n')
  writeFileSync(join(folder, 'conf.d/20-b.toml'), 'block_time = "3h"\n')
  writeFileSync(join(folder, 'conf.d/30-c.bak'), 'block_time = "4h"\n')
  const { blockTime, mode } = loadSettings(path)
  assert.deepEqual([blockTime, mode], [3 * 3_600_000, 'observe'])
})

test('every problem of every file comes at once, with its place', () => {
  writeFileSync(join(folder, 'conf.d/10-a.toml'), 'audit_log = [\n')
  writeFileSync(join(folder, 'conf.d/20-b.toml'), 'nothing = 1\nblock_score = 11\n')
  assert.deepEqual(
    problems(() => loadSettings(path)).map(problem => problem.replace(folder, '')),
    [
      '/conf.d/10-a.toml:2:1: Invalid TOML document: invalid value',
      '/conf.d/20-b.toml: nothing: unknown key',
      '/conf.d/20-b.toml: block_score: must be a number from 0 to 10, got 11',
    ],
  )
})

test('a named file must be there, the default one need not', () => {
  assert.match(problems(() => loadSettings(join(folder, 'none.toml'))).join(), /none\.toml: there is no such settings file/)
})
