import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import Sqlite from 'better-sqlite3'
import { openReader, openStore } from '../../../src/edge/store/store.ts'

const foreign = [
  { name: 'of another program', sql: 'CREATE TABLE blocks (id INTEGER)', problem: /is no modwarden database; name another file/ },
  {
    name: 'of a newer modwarden',
    sql: `CREATE TABLE blocks (id INTEGER); PRAGMA user_version = 99; PRAGMA application_id = ${0x4d_4f_44_57}`,
    problem: /was written by a newer modwarden \(schema 99, this one knows \d+\); upgrade modwarden/,
  },
]
for (const { name, sql, problem } of foreign)
  test(`a database ${name} is refused in words, by whoever opens it, and left as it was`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'modwarden-foreign-'))
    const path = join(folder, 'app.db')
    new Sqlite(path).exec(sql).close()
    const before = readFileSync(path)
    assert.throws(() => openReader(path), problem)
    for (const create of [false, true]) assert.throws(() => openStore(path, { create }), problem)
    assert.deepEqual([readdirSync(folder), readFileSync(path).equals(before)], [['app.db'], true])
    rmSync(folder, { recursive: true })
  })
