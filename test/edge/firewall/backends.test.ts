import assert from 'node:assert/strict'
import { CLIENTS } from '../../lab.ts'
import { drops, KINDS, onEachBackend, plan, wanted } from './backend-harness.ts'

const BLOCKS = ['192.0.2.7', '2001:db8:1::/64']
const allBut = (...blocked: string[]) => CLIENTS.filter(client => !blocked.includes(client))
const OPEN = allBut('192.0.2.7', '2001:db8:1::7', '2001:db8:1::8')

onEachBackend('drops what is blocked on its way in and on its way through, and nothing else', async ({ firewall, reaching }) => {
  await firewall.rebuild(wanted([]))
  assert.equal(await firewall.drift(wanted([])), undefined)
  assert.deepEqual(await reaching('input'), CLIENTS)
  await firewall.apply(plan({ block: BLOCKS }))
  assert.equal(await firewall.drift(wanted(BLOCKS)), undefined)
  assert.deepEqual(await reaching('input'), OPEN)
  assert.deepEqual(await reaching('forward'), OPEN)
  assert.deepEqual((await firewall.list()).sort(), BLOCKS)
  await firewall.apply(plan({ block: ['198.51.100.7'], unblock: BLOCKS }))
  assert.deepEqual(await reaching('forward'), allBut('198.51.100.7'))
  assert.equal(await firewall.drift(wanted(['198.51.100.7'])), undefined)
})

const OVERLAPPING = ['192.0.2.0/24', '192.0.2.7', '192.0.2.0/28', '2001:db8::/32', '2001:db8:1::/64']
onEachBackend('of overlapping blocks each holds by itself', async ({ firewall, reaching }) => {
  await firewall.rebuild(wanted(OVERLAPPING))
  assert.equal(await firewall.drift(wanted(OVERLAPPING)), undefined)
  assert.deepEqual(await reaching('input'), ['198.51.100.7'])
  await firewall.apply(plan({ unblock: ['192.0.2.7', '192.0.2.0/28', '2001:db8:1::/64'] }))
  assert.deepEqual(await reaching('input'), ['198.51.100.7'], 'the wide ones still hold')
  const narrow = ['192.0.2.7', '2001:db8:1::/64']
  await firewall.apply(plan({ block: narrow }))
  await firewall.apply(plan({ unblock: ['192.0.2.0/24', '2001:db8::/32'] }))
  assert.deepEqual(await reaching('input'), OPEN, 'the narrow ones still hold')
  assert.equal(await firewall.drift(wanted(narrow)), undefined)
})

onEachBackend('lets what is allowed pass inside a blocked network', async ({ firewall, reaching }) => {
  const all = wanted(['192.0.2.0/24', '2001:db8::/32', '198.51.100.7'], ['192.0.2.8', '2001:db8:1::/64'])
  await firewall.rebuild(all)
  assert.equal(await firewall.drift(all), undefined)
  const passing = ['192.0.2.8', '2001:db8:1::7', '2001:db8:1::8']
  assert.deepEqual(await reaching('input'), passing)
  assert.deepEqual(await reaching('forward'), passing)
  await firewall.apply(plan({ block: ['203.0.113.9'], unblock: ['198.51.100.7'] }))
  assert.deepEqual(await reaching('input'), ['192.0.2.8', '198.51.100.7', '2001:db8:1::7', '2001:db8:1::8'])
})

onEachBackend('a block that ends at another time is renewed, again and again', async ({ firewall, reaching }) => {
  await firewall.rebuild(wanted(BLOCKS))
  for (let round = 0; round < 3; round++) await firewall.apply({ ...plan({}), renew: drops(BLOCKS, 90 + round) })
  await firewall.apply({ ...plan({}), renew: drops(BLOCKS, undefined) })
  assert.equal(await firewall.drift(wanted(BLOCKS)), undefined)
  assert.deepEqual(await reaching('input'), OPEN)
  await firewall.apply(plan({ unblock: BLOCKS }))
  assert.equal(await firewall.drift(wanted([])), undefined)
})

onEachBackend('what cannot be done throws, and a rebuild brings all in step', async ({ firewall, reaching }) => {
  await firewall.rebuild(wanted(BLOCKS))
  await assert.rejects(firewall.apply(plan({ block: ['198.51.100.7', 'no address'] })))
  await firewall.rebuild(wanted(BLOCKS))
  assert.equal(await firewall.drift(wanted(BLOCKS)), undefined)
  assert.deepEqual(await reaching('input'), OPEN)
})

onEachBackend('takes over what another process left, and removes all that is ours', async ({ firewall, openFirewall, reaching, run }) => {
  await run('iptables', ['-A', 'INPUT', '-s', '203.0.113.77', '-j', 'ACCEPT'])
  await firewall.rebuild(wanted(BLOCKS))
  const next = openFirewall()
  assert.deepEqual((await next.list()).sort(), BLOCKS)
  await next.rebuild(wanted(BLOCKS.slice(0, 1)))
  assert.equal(await next.drift(wanted(BLOCKS.slice(0, 1))), undefined)
  assert.deepEqual(await reaching('input'), allBut('192.0.2.7'))
  assert.equal(await next.remove(), true)
  assert.equal(await next.remove(), false)
  assert.deepEqual(await reaching('input'), CLIENTS)
  assert.match(await run('iptables', ['-S']), /-A INPUT -s 203.0.113.77\/32 -j ACCEPT/)
  assert.doesNotMatch(await run('iptables', ['-S']), /MODWARDEN/)
  assert.equal(await run('ipset', ['list', '-n']), '')
  assert.doesNotMatch(await run('nft', ['list', 'tables']), /modwarden/)
})

const withTimeouts = KINDS.filter(({ backend }) => backend !== 'iptables')
onEachBackend(
  'the kernel lets go by itself when nobody releases a block',
  async ({ firewall, reaching }) => {
    await firewall.rebuild({ blocks: [...drops(['192.0.2.7'], 1), ...drops(['198.51.100.7'])], passes: [] })
    await firewall.apply({ block: drops(['192.0.2.8', '2001:db8:1::/64'], 1), renew: [], unblock: [] })
    assert.deepEqual(await reaching('input'), ['2001:db8:2::7'])
    const deadline = Date.now() + 5000
    while ((await reaching('input')).length < CLIENTS.length - 1) assert.ok(Date.now() < deadline, 'it never let go')
    assert.deepEqual(await reaching('input'), allBut('198.51.100.7'))
  },
  withTimeouts,
)
