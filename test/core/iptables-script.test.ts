import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  describeJumps,
  describeRules,
  planScript,
  readRules,
  readSaved,
  rebuildScript,
  removeScript,
} from '../../src/core/iptables-script.ts'

const SAVED = `# Warning: iptables-legacy tables present
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:MODWARDEN - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -j MODWARDEN
-A MODWARDEN -s 192.0.2.1/32 -j DROP
-A MODWARDEN -s 2001:db8::/64 -j DROP
COMMIT
`
const state = readSaved(SAVED)

test('readSaved finds the chain, its rules and the jumps', () => {
  assert.equal(state.exists, true)
  assert.deepEqual(readRules(state.rules), { passes: [], dropped: ['192.0.2.1', '2001:db8::/64'], sets: [], strange: 0 })
  assert.deepEqual(
    [...state.jumps],
    [
      ['INPUT', 1],
      ['FORWARD', 0],
      ['OUTPUT', 0],
    ],
  )
})

test('a plan becomes single rules, removals first', () => {
  assert.equal(
    planScript({ block: ['192.0.2.2'], unblock: ['192.0.2.1'] }),
    '*filter\n-D MODWARDEN -s 192.0.2.1 -j DROP\n-A MODWARDEN -s 192.0.2.2 -j DROP\nCOMMIT\n',
  )
})

test('a rebuild refills the chain and mends the jumps in one commit', () => {
  const none = readSaved(':INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n')
  assert.equal(
    rebuildScript({ passes: ['192.0.2.9'], dropped: ['192.0.2.1'], sets: ['modwarden4'] }, none, ['INPUT', 'DOCKER-USER']),
    '*filter\n:MODWARDEN - [0:0]\n-A MODWARDEN -s 192.0.2.9 -j RETURN\n-A MODWARDEN -s 192.0.2.1 -j DROP\n' +
      '-A MODWARDEN -m set --match-set modwarden4 src -j DROP\n-I INPUT -j MODWARDEN\nCOMMIT\n',
  )
  const twice = {
    ...state,
    jumps: new Map([
      ['INPUT', 2],
      ['FORWARD', 1],
    ]),
  }
  assert.equal(
    rebuildScript({ passes: [], dropped: [], sets: [] }, twice, ['INPUT']),
    '*filter\n:MODWARDEN - [0:0]\n-D INPUT -j MODWARDEN\n-D FORWARD -j MODWARDEN\nCOMMIT\n',
  )
})

test('removing takes the jumps and the chain', () => {
  assert.equal(removeScript(state), '*filter\n-D INPUT -j MODWARDEN\n-F MODWARDEN\n-X MODWARDEN\nCOMMIT\n')
})

const wanted = { passes: [], dropped: ['192.0.2.1', '2001:db8::/64'], sets: [] }
const drifts: [string, string, string | undefined][] = [
  ['what should be there', SAVED, undefined],
  ['a missing chain', ':INPUT ACCEPT [0:0]', 'the chain is missing'],
  ['a missing jump', SAVED.replace('-A INPUT -j MODWARDEN\n', ''), 'the jump from INPUT is missing'],
  [
    'a second jump',
    SAVED.replace('-A INPUT -j MODWARDEN\n', '-A INPUT -j MODWARDEN\n-A INPUT -j MODWARDEN\n'),
    'INPUT jumps to our chain too often',
  ],
  ['a missing rule', SAVED.replace('-A MODWARDEN -s 192.0.2.1/32 -j DROP\n', ''), '1 rules missing, 0 too many'],
  ['a doubled rule', SAVED.replace('COMMIT', '-A MODWARDEN -s 192.0.2.1/32 -j DROP\nCOMMIT'), '0 rules missing, 1 too many'],
  [
    'a rule that lets an address through',
    SAVED.replace('-A MODWARDEN', '-A MODWARDEN -s 192.0.2.1/32 -j RETURN\n-A MODWARDEN'),
    '0 rules missing, 1 too many',
  ],
  [
    'a set that nobody wants',
    SAVED.replace('COMMIT', '-A MODWARDEN -m set --match-set other src -j DROP\nCOMMIT'),
    '0 rules missing, 1 too many',
  ],
  ['a rule that is not ours', SAVED.replace('COMMIT', '-A MODWARDEN -p tcp -j ACCEPT\nCOMMIT'), '0 rules missing, 1 too many'],
]
for (const [name, saved, expected] of drifts)
  test(`sees ${name}`, () => {
    const found = readSaved(saved)
    assert.equal(describeJumps(found, ['INPUT', 'DOCKER-USER']) ?? describeRules(found.rules, wanted), expected)
  })
