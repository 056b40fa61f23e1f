import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tableText } from '../../src/cli/output.ts'

test('a table of any number of rows is aligned', () => {
  const lines = tableText(['id', 'path'], [...Array.from({ length: 300_000 }, () => ['1', '/']), ['22222', '/shop']])
  assert.deepEqual([lines.length, lines[0], lines[1], lines.at(-1)], [300_002, 'ID     PATH', '1      /', '22222  /shop'])
})
