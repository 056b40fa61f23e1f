import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BackendName, chooseBackends } from '../../../src/core/backend-choice.ts'
import { openKernel } from '../../../src/edge/firewall/choose.ts'
import { createRun, type Run } from '../../../src/edge/run-command.ts'
import type { Firewall } from '../../../src/enforce.ts'
import { createLab, type Lab } from '../../lab.ts'
import { plan, skip, wanted } from './backend-harness.ts'

const many = (count: number) => Array.from({ length: count }, (_, index) => `10.1.${index >> 8}.${index & 255}`)
const BLOCKED = ['192.0.2.7', '2001:db8:1::/64']
const OPEN = ['192.0.2.8', '198.51.100.7', '2001:db8:2::7']
const CHAINS = ['INPUT', 'DOCKER-USER']

function inLab(
  name: string,
  work: (lab: Lab, open: (setting: BackendName | 'auto', run?: Run) => Firewall, notices: unknown[][]) => Promise<void>,
): void {
  test(name, { skip }, async () => {
    const lab = await createLab()
    const opened: Firewall[] = []
    const notices: unknown[][] = []
    const open = (setting: BackendName | 'auto', run = lab.run) => {
      const order = (inUse: BackendName | undefined, blocks: number) => chooseBackends(setting, { inUse, blocks, chains: CHAINS })
      const notice = (event: string, fields: Readonly<Record<string, unknown>>) =>
        event === 'chain.awaited' ? undefined : void notices.push([event, fields.from ?? fields.backend, fields.to])
      opened.push(openKernel({ chains: CHAINS, most: 5000, order, notice }, { run, listen: lab.listen }))
      return opened.at(-1)!
    }
    try {
      await work(lab, open, notices)
    } finally {
      for (const firewall of opened) firewall.watch?.(() => {}).stop()
      lab.remove()
    }
  })
}

/** Which things of ours are in the kernel. */
async function pieces({ run }: Lab): Promise<string[]> {
  const chain = (await run('iptables', ['-S'])).includes('MODWARDEN') || (await run('ip6tables', ['-S'])).includes('MODWARDEN')
  const sets = (await run('ipset', ['list', '-n'])).includes('modwarden')
  const table = (await run('nft', ['list', 'tables'])).includes('inet modwarden')
  return Object.entries({ chain, sets, table }).flatMap(([name, isThere]) => (isThere ? [name] : []))
}

inLab('auto goes from rules to sets above 1,000 blocks and back at 500, without a gap or a rest', async (lab, open, notices) => {
  const firewall = open('auto')
  await firewall.rebuild(wanted(BLOCKED))
  assert.deepEqual([firewall.backend(), await pieces(lab)], ['iptables', ['chain']])
  const opened = await lab.reachingDuring('input', async () => {
    assert.deepEqual(await firewall.apply(plan({ block: many(998) })), { done: true }, 'a thousand are rules')
    assert.deepEqual(await firewall.apply(plan({ block: ['10.9.9.9'] })), { done: false }, 'one more are none')
    await firewall.rebuild(wanted([...BLOCKED, ...many(998), '10.9.9.9']))
    assert.deepEqual([firewall.backend(), await pieces(lab)], ['nftables', ['table']])
    assert.deepEqual(await firewall.apply(plan({ unblock: many(498) })), { done: true }, 'it does not go back at once')
    assert.deepEqual(await firewall.apply(plan({ unblock: many(998).slice(498) })), { done: false })
    await firewall.rebuild(wanted(BLOCKED))
    assert.deepEqual([firewall.backend(), await pieces(lab)], ['iptables', ['chain']])
  })
  assert.deepEqual(opened, OPEN)
  assert.deepEqual(notices, [
    ['firewall.switched', 'iptables', 'nftables'],
    ['firewall.switched', 'nftables', 'iptables'],
  ])
})

inLab('another setting takes over at the next start, without a gap or a rest', async (lab, open) => {
  const expected = { iptables: ['chain'], ipset: ['chain', 'sets'], nftables: ['table'] }
  const order: BackendName[] = ['iptables', 'nftables', 'ipset', 'iptables', 'ipset', 'nftables', 'iptables']
  await open('iptables').rebuild(wanted(BLOCKED))
  const opened = await lab.reachingDuring('input', async () => {
    for (const setting of order) {
      const firewall = open(setting)
      if ((await firewall.drift(wanted(BLOCKED))) !== undefined) await firewall.rebuild(wanted(BLOCKED))
      assert.deepEqual(await pieces(lab), expected[setting as keyof typeof expected], setting)
      assert.equal(await firewall.drift(wanted(BLOCKED)), undefined, setting)
    }
  })
  assert.deepEqual(opened, OPEN)
})

inLab('what a process killed in the middle of a switch left is put right', async (lab, open) => {
  await open('nftables').rebuild(wanted([...BLOCKED, ...many(1500)]))
  await open('ipset').rebuild(wanted([]))
  await open('iptables').rebuild(wanted(['198.51.100.7']))
  // All three stand, as if each had been killed before it took the others away.
  await open('nftables').rebuild(wanted(BLOCKED))
  await lab.run(
    'iptables-restore',
    ['--noflush'],
    '*filter\n:MODWARDEN - [0:0]\n-A MODWARDEN -s 192.0.2.8 -j DROP\n-I INPUT -j MODWARDEN\nCOMMIT\n',
  )
  await lab.run(
    'ipset',
    ['restore'],
    'create modwarden4 hash:net family inet timeout 0\ncreate modwarden6.new hash:net family inet6 timeout 0\n',
  )
  assert.deepEqual(await pieces(lab), ['chain', 'sets', 'table'])
  const firewall = open('auto')
  const all = wanted([...BLOCKED, ...many(700)])
  assert.match((await firewall.drift(all))!, /the chain of another backend is left over; the sets of another backend is left over/)
  await firewall.rebuild(all)
  assert.deepEqual([firewall.backend(), await pieces(lab)], ['nftables', ['table']], 'what stands is kept while it may')
  assert.equal(await firewall.drift(all), undefined)
  assert.deepEqual(await lab.reaching('input'), OPEN)
})

inLab('a backend that is not installed is passed over by auto, and said once', async (lab, open, notices) => {
  const without =
    (pattern: RegExp): Run =>
    (program, args, input) =>
      pattern.test(program) ? createRun({ timeout: 1000 })(`no-such-${program}`, args, input) : lab.run(program, args, input)
  const noNft = open('auto', without(/^nft$/))
  const all = wanted([...BLOCKED, ...many(1500)])
  if ((await noNft.drift(all)) !== undefined) await noNft.rebuild(all)
  assert.deepEqual([noNft.backend(), notices], ['iptables', [['firewall.passed-over', 'nftables', undefined]]])
  assert.deepEqual(await noNft.apply(plan({ block: ['10.9.9.9'] })), { done: true })
  assert.equal(await noNft.remove(), true)
  const noIptables = open('auto', without(/^ip6?tables/))
  if ((await noIptables.drift(wanted(BLOCKED))) !== undefined) await noIptables.rebuild(wanted(BLOCKED))
  assert.equal(noIptables.backend(), 'nftables')
  assert.deepEqual(await lab.reaching('input'), OPEN)
  assert.equal(notices.length, 2)
})

inLab('a switch that fails leaves all blocks where they are', async (lab, open, notices) => {
  const refusing: Run = (program, args, input) =>
    lab.run(program, args, program === 'nft' && args[0] === '-f' ? `${input}nonsense\n` : input)
  const firewall = open('auto', refusing)
  await firewall.rebuild(wanted(BLOCKED))
  await firewall.rebuild(wanted([...BLOCKED, ...many(1500)]))
  assert.deepEqual([firewall.backend(), await pieces(lab)], ['iptables', ['chain']])
  assert.deepEqual(notices, [['firewall.passed-over', 'nftables', undefined]])
  assert.deepEqual(await lab.reaching('input'), OPEN)
})

for (const setting of ['auto', 'nftables'] as const) {
  inLab(
    `rules of others that nobody may print leave ${setting} what it needs, and no block of ours in the old chain`,
    async (lab, open) => {
      const mayNotPrint: Run = (program, args, input) => lab.run('setpriv', ['--bounding-set', '-net_raw', program, ...args], input)
      const firewall = open('auto', mayNotPrint)
      await firewall.rebuild(wanted([...BLOCKED, '192.0.2.8']))
      assert.equal(await firewall.drift(wanted([...BLOCKED, '192.0.2.8'])), undefined)
      await lab.run('ipset', ['create', 'theirs', 'hash:ip'])
      await lab.run('iptables', ['-I', 'INPUT', '-m', 'set', '--match-set', 'theirs', 'src', '-j', 'DROP'])
      const next = setting === 'auto' ? firewall : open(setting, mayNotPrint)
      if (setting === 'auto') await assert.rejects(next.drift(wanted(BLOCKED)), /need CAP_NET_RAW/, 'once may be chance')
      const drift = await next.drift(wanted(BLOCKED))
      assert.notEqual(drift, undefined)
      await next.rebuild(wanted(BLOCKED))
      assert.equal(next.backend(), 'nftables')
      assert.equal(await next.drift(wanted(BLOCKED)), undefined)
      assert.deepEqual(await lab.reaching('input'), OPEN)
      assert.match(await lab.run('iptables', ['-S']), /-A INPUT -m set --match-set theirs src -j DROP/)
    },
  )
}

inLab('a backend that stops to work gives way to another one where the setting allows one', async (lab, open, notices) => {
  let broken: RegExp | undefined
  const breaking: Run = (program, args, input) => lab.run(broken?.test(program) ? 'false' : program, args, input)
  const all = wanted([...BLOCKED, ...many(1500)])
  const [auto, fixed] = [open('auto', breaking), open('iptables', breaking)]
  await auto.rebuild(wanted(BLOCKED))
  broken = /^ip6?tables/
  await assert.rejects(auto.drift(wanted(BLOCKED)))
  assert.equal(await auto.drift(wanted(BLOCKED)), 'iptables does not work any more')
  await auto.rebuild(wanted(BLOCKED))
  broken = undefined
  assert.match((await auto.drift(wanted(BLOCKED)))!, /the chain of another backend is left over/)
  await auto.rebuild(all)
  assert.deepEqual([auto.backend(), await pieces(lab)], ['nftables', ['table']])
  for (const _ of [1, 2, 3]) {
    broken = /^ip6?tables/
    await assert.rejects(fixed.drift(all))
  }
  assert.deepEqual(notices, [
    ['firewall.passed-over', 'iptables', undefined],
    ['firewall.switched', 'iptables', 'nftables'],
  ])
})

test('the choice keeps to chains that a table of nftables can see', () => {
  const auto = (inUse: BackendName | undefined, blocks: number, chains = CHAINS) => chooseBackends('auto', { inUse, blocks, chains })[0]
  assert.deepEqual([auto(undefined, 1000), auto(undefined, 1001), auto('iptables', 1000)], ['iptables', 'nftables', 'iptables'])
  assert.deepEqual([auto('nftables', 501), auto('nftables', 500), auto('nftables', 1)], ['nftables', 'iptables', 'iptables'])
  assert.deepEqual(chooseBackends('auto', { inUse: undefined, blocks: 5000, chains: ['INPUT', 'ufw-user-input'] }), ['iptables'])
  assert.deepEqual(chooseBackends('ipset', { inUse: 'nftables', blocks: 1, chains: CHAINS }), ['ipset'])
})
