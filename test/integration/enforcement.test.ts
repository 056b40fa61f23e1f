import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { CLIENTS, createLab, type Lab } from '../lab.ts'
import { whyNoNamespace } from '../netns.ts'
import { until } from '../until.ts'
import { createDaemonHarness, type DaemonHarness } from './daemon-harness.ts'

const skip = whyNoNamespace() ?? false
const BACKENDS = ['iptables', 'ipset', 'nftables'] as const
/** Somebody else's change of the firewall is put right within this. */
const REPAIR = 5000

type Ground = { daemon: DaemonHarness; lab: Lab }

function inLab(name: string, settings: string, work: (ground: Ground) => Promise<void>): void {
  test(name, { skip, timeout: 120_000 }, async () => {
    const lab = await createLab()
    const daemon = createDaemonHarness(settings, lab)
    try {
      await work({ daemon, lab })
    } catch (error) {
      process.stderr.write(daemon.text().slice(-4000))
      throw error
    } finally {
      await daemon.remove()
    }
  })
}

const status = (daemon: DaemonHarness) => JSON.parse(daemon.command('status', '--json').stdout) as Record<string, unknown>
const told = (daemon: DaemonHarness, event: string) => daemon.journal().filter(line => line.event === event)
const all = ({ lab }: Ground, open: readonly string[], way: 'input' | 'forward' = 'input') =>
  until(`just ${open.join(', ') || 'nobody'} comes through`, async () => (await lab.reaching(way)).join() === open.join())
const allBut = (...blocked: string[]) => CLIENTS.filter(client => !blocked.includes(client))

for (const backend of BACKENDS) {
  inLab(
    `an attacker is dropped, explained and released (${backend})`,
    `firewall = "${backend}"\nchains = ["INPUT", "FORWARD"]\nblock_time = "4s"`,
    async ground => {
      const { daemon } = ground
      await daemon.start()
      daemon.write(1, { ip: '192.0.2.7', loggedScore: 9 })
      daemon.write(1, { ip: '2001:db8:1::7', loggedScore: 9 })
      await all(ground, allBut('192.0.2.7', '2001:db8:1::7', '2001:db8:1::8'))
      await all(ground, allBut('192.0.2.7', '2001:db8:1::7', '2001:db8:1::8'), 'forward')
      assert.equal(status(daemon).firewall_backend, backend)
      await all(ground, CLIENTS)
    },
  )

  inLab(`a foreign flush is repaired within 5 s and told (${backend})`, `firewall = "${backend}"`, async ground => {
    const { daemon, lab } = ground
    const damages = {
      iptables: ['iptables -F', 'nft flush ruleset'],
      ipset: ['ipset flush', 'iptables -F', 'nft flush ruleset'],
      nftables: ['nft flush ruleset', 'nft flush table inet modwarden', 'nft delete table inet modwarden'],
    }[backend]
    await daemon.start()
    assert.equal(daemon.command('block', '192.0.2.0/24', '2001:db8:1::7').status, 0)
    const open = ['198.51.100.7', '2001:db8:2::7']
    await all(ground, open)
    for (const [index, damage] of damages.entries()) {
      const [program, ...args] = damage.split(' ')
      const began = Date.now()
      await lab.run(program!, args)
      await until(`${damage} is told`, () => told(daemon, 'firewall.repaired').length === index + 1)
      assert.ok(Date.now() - began < REPAIR, `${damage}: ${Date.now() - began} ms`)
      assert.deepEqual(await lab.reaching('input'), open, damage)
    }
  })

  inLab(
    `after kill -9 at any moment the table and the kernel agree at the next start (${backend})`,
    `firewall = "${backend}"`,
    async ground => {
      const { daemon, lab } = ground
      await daemon.start()
      for (let round = 0; round < 4; round++) {
        daemon.command('block', '192.0.2.7')
        daemon.command('block', '198.51.100.0/24', '--for', '1h')
        daemon.write(30 + 100 * round, { ip: '203.0.113.200', loggedScore: 9 })
        if (round % 2 === 1) daemon.command('unblock', '192.0.2.7')
        await new Promise(resolve => setTimeout(resolve, 40 * round))
        daemon.signal('SIGKILL')
        await daemon.ended()
        await daemon.start()
        const expected = allBut('198.51.100.7', ...(round % 2 === 1 ? [] : ['192.0.2.7']))
        assert.deepEqual(await lab.reaching('input'), expected, `round ${round}`)
      }
      assert.equal(told(daemon, 'firewall.repaired').length, 0, 'a start is no repair')
      assert.equal(daemon.query<{ n: number }>('SELECT count(*) AS n FROM blocks WHERE released_at IS NULL AND applied = 0')[0]!.n, 0)
    },
  )
}

inLab('auto switches on a running daemon, and everybody stays dropped', 'chains = ["INPUT", "FORWARD"]', async ground => {
  const { daemon, lab } = ground
  await daemon.start()
  daemon.command('block', '192.0.2.7', '2001:db8:1::7')
  const open = allBut('192.0.2.7', '2001:db8:1::7', '2001:db8:1::8')
  await all(ground, open)
  assert.equal(status(daemon).firewall_backend, 'iptables')
  const many = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => `10.1.${(from + index) >> 8}.${(from + index) & 255}`)
  const seen = await lab.reachingDuring('input', async () => {
    daemon.command('block', ...many(0, 1200))
    await until('it has switched', () => status(daemon).firewall_backend === 'nftables')
    await until('the chain is gone', () => !daemon.rules().includes('MODWARDEN'))
    daemon.command('unblock', ...many(0, 1000))
    await until('it has switched back', () => status(daemon).firewall_backend === 'iptables')
  })
  assert.deepEqual(seen, open)
  assert.deepEqual(
    told(daemon, 'firewall.switched').map(({ from, to }) => [from, to]),
    [
      ['iptables', 'nftables'],
      ['nftables', 'iptables'],
    ],
  )
  assert.equal(told(daemon, 'firewall.repaired').length, 0, 'a switch is no repair')
  assert.equal(daemon.rules().match(/-j DROP/g)!.length, 201)
})

inLab('another setting takes over at a restart, and flush removes all of it', '', async ground => {
  const { daemon, lab } = ground
  await daemon.start()
  daemon.command('block', '192.0.2.7')
  await all(ground, allBut('192.0.2.7'))
  for (const backend of ['nftables', 'ipset', 'iptables', 'nftables'] as const) {
    daemon.signal('SIGTERM')
    await daemon.ended()
    writeFileSync(daemon.config, `${readFileSync(daemon.config, 'utf8').replace(/^firewall.*\n/m, '')}firewall = "${backend}"\n`)
    await daemon.start()
    assert.equal(status(daemon).firewall_backend, backend)
    assert.deepEqual(await lab.reaching('input'), allBut('192.0.2.7'), backend)
    assert.equal(daemon.rules().includes('MODWARDEN'), backend !== 'nftables', backend)
    assert.equal((await lab.run('ipset', ['list', '-n'])) !== '', backend === 'ipset', backend)
    assert.equal((await lab.run('nft', ['list', 'tables'])).includes('inet modwarden'), backend === 'nftables', backend)
  }
  daemon.signal('SIGTERM')
  await daemon.ended()
  assert.deepEqual(await lab.reaching('input'), allBut('192.0.2.7'), 'a stop leaves the blocks')
  assert.match(daemon.command('flush').stdout, /are gone/)
  assert.deepEqual(await lab.reaching('input'), CLIENTS)
  assert.doesNotMatch(await lab.run('nft', ['list', 'ruleset']), /modwarden/i)
})

inLab(
  'networks by hand: what is allowed in them passes, and each block ends by itself',
  'allowlist = ["192.0.2.8", "2001:db8:2::/64"]',
  async ground => {
    const { daemon } = ground
    await daemon.start()
    const command = (...args: string[]) => daemon.command(...args)
    assert.match(
      command('block', '192.0.2.0/24', '2001:db8::/32').stdout,
      /192\.0\.2\.0\/24 is blocked, ends in .*; allowed in it, and passing: 192\.0\.2\.8\n/,
    )
    await all(ground, ['192.0.2.8', '198.51.100.7', '2001:db8:2::7'])
    assert.match(command('block', '192.0.2.8').stderr, /192\.0\.2\.8 is allowed: by the allowlist.*nothing was blocked/)
    assert.match(command('block', '198.51.100.0/2').stderr, /too wide for a block: at least \/8/)
    assert.match(command('block', '127.0.0.1').stderr, /is allowed: .*this machine/)
    assert.match(command('block', '203.0.113.0/24').stdout, /allowed in it, and passing: 203\.0\.113\.1/, "this machine's own address")
    assert.match(
      command('explain', '192.0.2.7').stdout,
      /192\.0\.2\.7: not blocked\n {2}dropped by the block of 192\.0\.2\.0\/24 \(manual\)/,
    )
    command('block', '192.0.2.7')
    const both = command('unblock', '192.0.2.7').stdout
    assert.match(both, /192\.0\.2\.7 is no longer blocked; the block of 192\.0\.2\.0\/24 still holds it/)
    command('block', '192.0.2.7')
    assert.match(
      command('unblock', '192.0.2.0/24').stdout,
      /no longer blocked; 1 blocks inside it still stand: modwarden unblock 192\.0\.2\.7/,
    )
    await all(ground, ['192.0.2.8', '198.51.100.7', '2001:db8:2::7'])
    command('unblock', '--all')
    await all(ground, CLIENTS)
  },
)

inLab('the bound holds in the kernel too, and is told', 'max_blocks = 3\nsubnet_count = 1\nfirewall = "ipset"', async ground => {
  const { daemon, lab } = ground
  await daemon.start()
  for (const ip of ['203.0.113.201', '203.0.113.202', '198.51.100.7', '192.0.2.7']) daemon.write(1, { ip, loggedScore: 9 })
  await until('the warning', () => told(daemon, 'blocks.evicted').length > 0)
  daemon.write(1, { ip: '192.0.2.9', loggedScore: 9 })
  await all(ground, ['198.51.100.7', '2001:db8:1::7', '2001:db8:1::8', '2001:db8:2::7'])
  assert.match(await lab.run('ipset', ['list', 'modwarden4']), /Number of entries: 3\n/)
  assert.deepEqual([status(daemon).active_blocks, status(daemon).max_blocks], [3, 3])
  assert.ok(daemon.query<{ by: string }>('SELECT released_by AS by FROM block_history').some(({ by }) => by === 'room'))
  assert.match(
    daemon.command('explain', '192.0.2.0/24').stdout,
    /subnet: 2 of its addresses are blocked, more than subnet_count 1; the last one blocked at once/,
  )
})

for (const backend of BACKENDS)
  inLab(
    `containers behind Docker are guarded when it comes and when it starts again (${backend})`,
    `firewall = "${backend}"\nchains = ["INPUT", "DOCKER-USER"]`,
    async ground => {
      const { daemon, lab } = ground
      await daemon.start()
      daemon.command('block', '192.0.2.7', '2001:db8:1::7')
      const open = allBut('192.0.2.7', '2001:db8:1::7', '2001:db8:1::8')
      await all(ground, open)
      for (let round = 0; round < 2; round++) {
        for (const program of ['iptables', 'ip6tables']) {
          await lab.run(program, ['-F', 'FORWARD'])
          if (round === 0) await lab.run(program, ['-N', 'DOCKER-USER'])
          await lab.run(program, ['-F', 'DOCKER-USER'])
          await lab.run(program, ['-A', 'DOCKER-USER', '-j', 'RETURN'])
          await lab.run(program, ['-A', 'FORWARD', '-j', 'DOCKER-USER'])
          await lab.run(program, ['-A', 'FORWARD', '-j', 'ACCEPT'])
        }
        const began = Date.now()
        await all(ground, open, 'forward')
        assert.ok(Date.now() - began < REPAIR)
      }
    },
  )

inLab('the connections of a blocked address are cut, those of others live', 'firewall = "iptables"', async ground => {
  const { daemon, lab } = ground
  await daemon.start()
  await lab.run('iptables', ['-A', 'INPUT', '-m', 'conntrack', '--ctstate', 'NEW', '-j', 'ACCEPT'])
  await lab.reaching('input')
  const sources = async () =>
    [...new Set([...(await lab.run('conntrack', ['-L'])).matchAll(/\bsrc=(\S+) dst=203/g)].map(match => match[1]))].sort()
  assert.deepEqual(await sources(), ['192.0.2.7', '192.0.2.8', '198.51.100.7'])
  daemon.command('block', '192.0.2.7')
  await until('its connections are gone', async () => (await sources()).join() === '192.0.2.8,198.51.100.7')
  await lab.reaching('input')
  daemon.command('block', '192.0.2.0/24')
  await until('those of the network are gone', async () => (await sources()).join() === '198.51.100.7')
  assert.equal(told(daemon, 'connections.kept').length, 0)
})
