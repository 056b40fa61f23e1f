import assert from 'node:assert/strict'
import { test } from 'node:test'
import { familiesOf } from '../../../src/edge/firewall/backend.ts'
import { createChain } from '../../../src/edge/firewall/chain.ts'
import { createIpset } from '../../../src/edge/firewall/ipset.ts'
import { createIptables } from '../../../src/edge/firewall/iptables.ts'
import { createNftables } from '../../../src/edge/firewall/nftables.ts'
import { createListen, createRun, type Run } from '../../../src/edge/run-command.ts'
import { createNamespace } from '../../netns.ts'
import { until } from '../../until.ts'
import { KINDS, onEachBackend, plan, skip, wanted } from './backend-harness.ts'

const BLOCKS = ['192.0.2.7', '198.51.100.0/24', '2001:db8:1::/64']
const OPEN = ['192.0.2.8', '2001:db8:2::7']

/** What others do to our rules, and where it hurts. */
const DAMAGES: Record<'chain' | 'sets' | 'table', string[]> = {
  chain: [
    'iptables -F',
    'iptables -D INPUT -j MODWARDEN',
    'iptables -A INPUT -j MODWARDEN',
    'iptables -A MODWARDEN -s 192.0.2.9 -j DROP',
    'iptables -I MODWARDEN -j ACCEPT',
    'iptables -I MODWARDEN -s 192.0.2.7 -j RETURN',
    'ip6tables -F MODWARDEN',
  ],
  sets: [
    'ipset flush',
    'ipset flush modwarden6',
    'ipset del modwarden4 192.0.2.7',
    'ipset add modwarden4 203.0.113.99',
    // As many entries as before, but others.
    'ipset del modwarden4 192.0.2.7; ipset add modwarden4 203.0.113.99',
  ],
  table: [
    'nft flush ruleset',
    'nft delete table inet modwarden',
    'nft flush set inet modwarden v4_32',
    'nft flush chain inet modwarden blocked',
    'nft delete element inet modwarden v6_64 { 2001:db8:1:: }',
    'nft add element inet modwarden v4_32 { 203.0.113.99 timeout 1h }',
    'nft insert rule inet modwarden input accept',
  ],
}

onEachBackend('sees and repairs what others did', async ({ firewall, reaching, run }, { backend, variant }) => {
  await firewall.rebuild(wanted(BLOCKS))
  const pieces = { iptables: ['chain'], ipset: ['chain', 'sets'], nftables: ['table'] } as const
  // nft does not see what legacy iptables does, and flushes its rules with its own.
  for (const damage of pieces[backend].flatMap(piece => DAMAGES[piece])) {
    for (const command of damage.split('; ')) await run(command.split(' ')[0]!, command.split(' ').slice(1))
    const looks = damage.includes(';') ? 16 : 1
    let drift: string | undefined
    for (let look = 0; look < looks; look++) drift ??= await firewall.drift(wanted(BLOCKS))
    assert.notEqual(drift, undefined, damage)
    await firewall.rebuild(wanted(BLOCKS))
    assert.equal(await firewall.drift(wanted(BLOCKS)), undefined, damage)
  }
  if (variant === 'nft') {
    await run('nft', ['flush', 'ruleset'])
    assert.notEqual(await firewall.drift(wanted(BLOCKS)), undefined)
    await firewall.rebuild(wanted(BLOCKS))
  }
  assert.deepEqual(await reaching('input'), OPEN)
  assert.deepEqual(await reaching('forward'), OPEN)
})

onEachBackend('leaves the rules and sets of others alone', async ({ firewall, run }, { backend }) => {
  await run('iptables', ['-A', 'FORWARD', '-s', '203.0.113.77', '-j', 'ACCEPT'])
  await run('ipset', ['create', 'theirs', 'hash:ip'])
  await run('nft', ['-f', '-'], 'table inet theirs { chain c { type filter hook input priority 0; tcp dport 1 drop; }; }')
  const rest = async () =>
    [
      ...(await run('iptables', ['-S', 'FORWARD'])).split('\n').filter(line => !line.includes('MODWARDEN')),
      await run('ipset', ['list', '-n', 'theirs']),
      await run('nft', ['-s', 'list', 'table', 'inet', 'theirs']),
    ].join('\n')
  const before = await rest()
  await firewall.rebuild(wanted(BLOCKS))
  await firewall.apply(plan({ block: ['203.0.113.5'] }))
  assert.equal(await rest(), before, backend)
  await firewall.remove()
  assert.equal(await rest(), before, backend)
})

const withChain = KINDS.filter(({ backend }) => backend !== 'nftables')
onEachBackend(
  'waits for a chain that comes later, and for one that comes again',
  async ({ firewall, reaching, run, notices }) => {
    await firewall.rebuild(wanted(BLOCKS))
    assert.deepEqual(notices.sort(), ['chain.awaited IPv4 DOCKER-USER', 'chain.awaited IPv6 DOCKER-USER'])
    await run('iptables', ['-D', 'FORWARD', '-j', 'MODWARDEN'])
    await firewall.rebuild(wanted(BLOCKS))
    for (let round = 0; round < 2; round++) {
      // As Docker does at its start: its own chain first in FORWARD, emptied and made anew.
      await run('iptables', ['-N', 'DOCKER-USER'])
      await run('iptables', ['-A', 'DOCKER-USER', '-j', 'RETURN'])
      await run('iptables', ['-I', 'FORWARD', '-j', 'DOCKER-USER'])
      assert.match((await firewall.drift(wanted(BLOCKS)))!, /IPv4: the jump from DOCKER-USER is missing/)
      await firewall.rebuild(wanted(BLOCKS))
      assert.equal(await firewall.drift(wanted(BLOCKS)), undefined)
      assert.match(await run('iptables', ['-S', 'DOCKER-USER']), /-A DOCKER-USER -j MODWARDEN\n-A DOCKER-USER -j RETURN/)
      assert.deepEqual(await reaching('forward'), OPEN)
      await run('iptables', ['-D', 'FORWARD', '-j', 'DOCKER-USER'])
      await run('iptables', ['-F', 'DOCKER-USER'])
      await run('iptables', ['-X', 'DOCKER-USER'])
    }
    assert.deepEqual(notices.slice(2), ['chain.awaited IPv4 '])
  },
  withChain,
)

test('without rights or programs each backend says what to do', { skip }, async () => {
  const namespace = createNamespace()
  const families = familiesOf(true)
  const listen = createListen()
  const backendsWith = (run: Run) => {
    const chain = createChain(run, { chains: ['INPUT'], families })
    return [
      createIptables(chain, { run, listen }),
      createIpset(chain, { run, most: 10 }),
      createNftables({ run, listen, chains: ['INPUT'] }),
    ]
  }
  const as = (capabilities: string, legacy = ''): Run => {
    const [held, bound] = [`--inh-caps=-all${capabilities}`, `--ambient-caps=-all${capabilities}`]
    return (program, args, input) =>
      namespace.run(
        'setpriv',
        ['--reuid=65534', '--regid=65534', '--clear-groups', held, bound, program.replace(/^(ip6?tables)/, `$1${legacy}`), ...args],
        input,
      )
  }
  try {
    for (const backend of backendsWith(as('')))
      await assert.rejects(backend.rebuild(wanted([])), /needs CAP_NET_ADMIN: start it with systemctl start modwarden/, backend.name)
    const [iptables, ipset, nftables] = backendsWith(as(',+net_admin'))
    for (const backend of [iptables!, nftables!]) await backend.rebuild(wanted(BLOCKS))
    await assert.rejects(ipset!.rebuild(wanted([])), /need CAP_NET_RAW: copy \/usr\/lib\/systemd\/system\/modwarden\.service\.d\//)
    const [legacy] = backendsWith(as(',+net_admin', '-legacy'))
    await assert.rejects(
      legacy!.rebuild(wanted([])),
      /iptables-legacy needs CAP_NET_ADMIN and CAP_NET_RAW: copy \/usr\/lib\/systemd\/system\/modwarden\.service\.d\/net-raw\.conf\.example to \//,
    )
    await backendsWith(as(',+net_admin,+net_raw'))[1]!.rebuild(wanted(BLOCKS))
    const missing: Run = (program, args, input) => createRun({ timeout: 1000 })(`no-such-${program}`, args, input)
    const packages = ['iptables', 'ipset', 'nftables']
    for (const [index, backend] of backendsWith(missing).entries())
      await assert.rejects(backend.probe(), new RegExp(`cannot run no-such-.*install the package ${packages[index]}`))
  } finally {
    namespace.remove()
  }
})

const told = KINDS.filter(({ backend, variant }) => backend !== 'ipset' && variant === 'nft')
onEachBackend(
  'the kernel tells when somebody changes the rules, and not when it was us',
  async ({ firewall, run }) => {
    let changes = 0
    await firewall.rebuild(wanted([]))
    const watch = firewall.watch!(() => changes++)
    await until('it watches', () => watch.isWatching())
    await until('what came before it could hear is to be looked for', () => changes > 0)
    await run('iptables', ['-A', 'OUTPUT', '-j', 'ACCEPT'])
    await until('a change is told', () => changes > 1)
    const before = changes
    await firewall.apply(plan({ block: ['192.0.2.7'] }))
    await run('nft', ['add', 'table', 'inet', 'theirs'])
    await until('the next change is told', () => changes > before)
    assert.equal(changes, before + 1, 'our own block was not told')
    watch.stop()
    await until('it watches no more', () => !watch.isWatching())
  },
  told,
)

onEachBackend('while it changes nothing is open that was blocked before', async ({ firewall, reachingDuring }) => {
  await firewall.rebuild(wanted(BLOCKS))
  const many = Array.from({ length: 3000 }, (_, index) => `10.1.${index >> 8}.${index & 255}`)
  const opened = await reachingDuring('input', async () => {
    for (let round = 0; round < 5; round++) {
      await firewall.rebuild(wanted([...BLOCKS, ...many.slice(0, 600 * (round + 1))]))
      await firewall.apply(plan({ renew: BLOCKS, block: ['203.0.113.5'] }))
      await firewall.apply(plan({ unblock: ['203.0.113.5'] }))
    }
  })
  assert.deepEqual(opened, OPEN)
})
