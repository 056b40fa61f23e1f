import assert from 'node:assert/strict'
import { test } from 'node:test'
import Sqlite from 'better-sqlite3'
import { messageOf } from '../../src/cli/context.ts'

const cases = [
  {
    error: new Sqlite.SqliteError('attempt to write a readonly database', 'SQLITE_READONLY'),
    says: 'cannot write the database: attempt to write a readonly database; run it as root or as modwarden',
  },
  {
    error: new Sqlite.SqliteError('malformed', 'SQLITE_CORRUPT_INDEX'),
    says: "the database is damaged; 'systemctl restart modwarden' sets it aside and takes over the blocks that stood: malformed",
  },
  { error: new Error('there is no event 1'), says: 'there is no event 1' },
  { error: 'a text', says: 'a text' },
  { error: undefined, says: 'undefined' },
  { error: null, says: 'null' },
]
for (const { error, says } of cases) test(`an error is told as: ${says}`, () => assert.equal(messageOf(error), says))
