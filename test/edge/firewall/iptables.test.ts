import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createIptables } from '../../../src/edge/firewall/iptables.ts'
import { createListen, createRun, type Listen, type Run } from '../../../src/edge/run-command.ts'
import { createNamespace, whyNoNamespace } from '../../netns.ts'
import { until } from '../../until.ts'

const skip = whyNoNamespace() ?? false
const listen = createListen()
const listenIn =
  (name: string): Listen =>
  (program, args, ears) =>
    listen('ip', ['netns', 'exec', name, program, ...args], ears)
const IPS = ['192.0.2.1', '198.51.100.2', '2001:db8::/64']

/** Runs `work` on a real iptables of each kind in a namespace of its own. */
function onRealIptables(name: string, work: (parts: { run: Run; firewall: ReturnType<typeof createIptables> }) => Promise<void>): void {
  for (const kind of ['nft', 'legacy']) {
    test(`${name} (iptables-${kind})`, { skip }, async () => {
      const namespace = createNamespace()
      try {
        const run: Run = (program, args, input) => namespace.run(program.replace(/^(ip6?tables)/, `$1-${kind}`), args, input)
        await work({
          run,
          firewall: createIptables(run, { chains: ['INPUT', 'DOCKER-USER'], hasIpv6: true, listen: listenIn(namespace.name) }),
        })
      } finally {
        namespace.remove()
      }
    })
  }
}

const rules = async (run: Run, program = 'iptables') =>
  (await run(program, ['-S'])).split('\n').filter(line => line.includes('MODWARDEN') || line.includes('-A'))

onRealIptables('builds the chain, blocks and unblocks', async ({ run, firewall }) => {
  assert.match((await firewall.drift([]))!, /IPv4: the chain is missing; IPv6: the chain is missing/)
  await firewall.rebuild([])
  assert.equal(await firewall.drift([]), undefined)
  await firewall.apply({ block: IPS, unblock: [] })
  assert.deepEqual(await rules(run), [
    '-N MODWARDEN',
    '-A INPUT -j MODWARDEN',
    '-A MODWARDEN -s 192.0.2.1/32 -j DROP',
    '-A MODWARDEN -s 198.51.100.2/32 -j DROP',
  ])
  assert.deepEqual(await rules(run, 'ip6tables'), ['-N MODWARDEN', '-A INPUT -j MODWARDEN', '-A MODWARDEN -s 2001:db8::/64 -j DROP'])
  assert.equal(await firewall.drift(IPS), undefined)
  await firewall.apply({ block: [], unblock: IPS.slice(1) })
  assert.deepEqual(await firewall.list(), IPS.slice(0, 1))
})

onRealIptables('takes a batch wholly or not at all', async ({ firewall }) => {
  await firewall.rebuild(['192.0.2.1'])
  await assert.rejects(firewall.apply({ block: ['198.51.100.2'], unblock: ['203.0.113.3'] }))
  assert.deepEqual(await firewall.list(), ['192.0.2.1'])
})

onRealIptables('sees and repairs what others did, and leaves their rules alone', async ({ run, firewall }) => {
  await firewall.rebuild(IPS)
  const damages: [string, string[]][] = [
    ['iptables', ['-F']],
    ['iptables', ['-D', 'INPUT', '-j', 'MODWARDEN']],
    ['iptables', ['-A', 'INPUT', '-j', 'MODWARDEN']],
    ['iptables', ['-A', 'MODWARDEN', '-s', '192.0.2.1', '-j', 'DROP']],
    ['iptables', ['-I', 'MODWARDEN', '-j', 'ACCEPT']],
    ['ip6tables', ['-F', 'MODWARDEN']],
  ]
  await run('iptables', ['-A', 'OUTPUT', '-s', '203.0.113.77', '-j', 'ACCEPT'])
  for (const [program, args] of damages) {
    await run(program, args)
    assert.notEqual(await firewall.drift(IPS), undefined, args.join(' '))
    await firewall.rebuild(IPS)
    assert.equal(await firewall.drift(IPS), undefined, args.join(' '))
  }
  await run('iptables', ['-A', 'OUTPUT', '-s', '203.0.113.77', '-j', 'ACCEPT'])
  await firewall.rebuild(IPS)
  assert.ok((await rules(run)).includes('-A OUTPUT -s 203.0.113.77/32 -j ACCEPT'))
})

onRealIptables('jumps from a chain that appears later', async ({ run, firewall }) => {
  await firewall.rebuild([])
  await run('iptables', ['-N', 'DOCKER-USER'])
  assert.match((await firewall.drift([]))!, /the jump from DOCKER-USER is missing/)
  await firewall.rebuild([])
  assert.ok((await rules(run)).includes('-A DOCKER-USER -j MODWARDEN'))
})

onRealIptables('removes all that is ours', async ({ run, firewall }) => {
  await firewall.rebuild(IPS)
  assert.equal(await firewall.remove(), true)
  assert.equal(await firewall.remove(), false)
  assert.deepEqual(await rules(run), [])
})

test('without rights or programs the error says what to do', { skip }, async () => {
  const namespace = createNamespace()
  try {
    const asNobody: Run = (program, args, input) =>
      namespace.run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all', program, ...args], input)
    await assert.rejects(
      createIptables(asNobody, { chains: ['INPUT'], hasIpv6: true, listen }).rebuild([]),
      /needs CAP_NET_ADMIN: start it with systemctl start modwarden/,
    )
  } finally {
    namespace.remove()
  }
  const missing: Run = (_, args, input) => createRun({ timeout: 1000 })('no-such-iptables', args, input)
  await assert.rejects(
    createIptables(missing, { chains: ['INPUT'], hasIpv6: false, listen }).list(),
    /cannot run no-such-iptables.*install the package iptables/,
  )
})

test('the kernel tells when somebody changes the rules', { skip }, async () => {
  const namespace = createNamespace()
  const inside = listenIn(namespace.name)
  let changes = 0
  const watch = createIptables(namespace.run, { chains: ['INPUT'], hasIpv6: true, listen: inside }).watch!(() => changes++)
  try {
    await until('it watches', () => watch.isWatching())
    // The listener needs a moment until it hears; a change is made again until it is told.
    await until('a change is told', () => namespace.run('iptables', ['-A', 'OUTPUT', '-j', 'ACCEPT']).then(() => changes > 0))
  } finally {
    watch.stop()
    namespace.remove()
  }
  await until('it watches no more', () => !watch.isWatching())
})
