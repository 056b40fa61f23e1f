import assert from 'node:assert/strict'
import { test } from 'node:test'
import Sqlite from 'better-sqlite3'
import { createGuard } from '../src/guard.ts'

const refuse = (code: string) => () => {
  throw new Sqlite.SqliteError('it takes nothing', code)
}

test('what a chore could not write is told until another one has written, and nothing that it did not tell is over', () => {
  const told: string[] = []
  const guard = createGuard({
    failed: (part, problem) => void told.push(`${part} ${problem}`),
    recovered: part => void told.push(`${part} ok`),
  })
  guard.wrote()
  guard.guarded(refuse('SQLITE_BUSY'))
  guard.guarded(() => {})
  guard.wrote()
  guard.wrote()
  assert.deepEqual(told, ['database it takes nothing', 'database ok'])
  assert.throws(() => guard.guarded(refuse('SQLITE_CORRUPT')), /it takes nothing/)
})
