import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFilterTable, rulesBefore } from '../../../src/core/doctor/filter-table.ts'

test('a chain that many ways lead to is followed once', () => {
  const chains = Array.from({ length: 30 }, (_, index) => index)
  const rules = chains.flatMap(index => [`-A c${index} -p tcp -j c${index + 1}`, `-A c${index} -p udp -j c${index + 1}`])
  const saved = [...rules, '-A c30 -s 192.0.2.1/32 -j ACCEPT', '-A INPUT -j c0', '-A INPUT -j MODWARDEN'].join('\n')
  const before = rulesBefore(readFilterTable(saved), 'INPUT')
  assert.deepEqual(before, { rules: 1, accepting: ['-A c30 -s 192.0.2.1/32 -j ACCEPT'], established: [] })
})

test('only a bare jump to our chain is ours; what follows it does not matter', () => {
  const table = readFilterTable(
    '-A INPUT -s 192.0.2.0/24 -j MODWARDEN\n-A INPUT -j MODWARDEN\n-A INPUT -j ACCEPT\n-A MODWARDEN -j ACCEPT\n',
  )
  assert.deepEqual(rulesBefore(table, 'INPUT'), { rules: 1, accepting: [], established: [] })
  assert.equal(rulesBefore(table, 'FORWARD'), undefined)
})
