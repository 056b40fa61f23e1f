import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCutConnections } from '../../../src/edge/firewall/cut-connections.ts'
import { createRun, type Run } from '../../../src/edge/run-command.ts'
import { CLIENTS, createLab, type Lab } from '../../lab.ts'
import { until } from '../../until.ts'
import { skip } from './backend-harness.ts'

function setUp(run: Run) {
  const lines: (readonly [string, unknown])[] = []
  const tell = (event: string, fields: Readonly<Record<string, unknown>> = {}) => void lines.push([event, fields.remedy])
  const stop = new AbortController()
  return { lines, stop, cut: createCutConnections(run, { info: tell, warn: tell, error: tell }, stop.signal) }
}

async function sources({ run }: Lab): Promise<string[]> {
  const listings = await Promise.all(['ipv4', 'ipv6'].map(family => run('conntrack', ['-L', '-f', family])))
  return CLIENTS.filter(client => listings.join('').includes(`src=${client} dst`))
}

async function withConnections(work: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = await createLab()
  try {
    for (const program of ['iptables', 'ip6tables'])
      await lab.run(program, ['-A', 'INPUT', '-m', 'conntrack', '--ctstate', 'NEW', '-j', 'ACCEPT'])
    await lab.reaching('input')
    assert.deepEqual(await sources(lab), CLIENTS)
    await work(lab)
  } finally {
    lab.remove()
  }
}

test('cuts the connections of addresses and of networks, and no others', { skip }, () =>
  withConnections(async lab => {
    const { cut, lines } = setUp(lab.run)
    cut(['198.51.100.7', '203.0.113.250'], [])
    await until('one is cut', async () => !(await sources(lab)).includes('198.51.100.7'))
    cut(['192.0.2.0/24', '2001:db8:1::/64'], ['192.0.2.8', '2001:db8:1::8'])
    await until(
      'those inside are cut, but for what is allowed',
      async () => (await sources(lab)).join() === '192.0.2.8,2001:db8:1::8,2001:db8:2::7',
    )
    const many = Array.from({ length: 500 }, (_, index) => `10.0.${index >> 8}.${index & 255}`)
    cut([...many, '2001:db8:2::/64'], [])
    await until('among many too', async () => !(await sources(lab)).includes('2001:db8:2::7'))
    assert.deepEqual(lines, [])
  }),
)

test('a missing program is said once', async () => {
  const { cut, lines } = setUp((_, args) => createRun({ timeout: 1000 })('no-such-conntrack', args))
  cut(['192.0.2.1'], [])
  await until('it is told', () => lines.length > 0)
  cut(['192.0.2.2'], [])
  cut(['192.0.2.3'], [])
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(lines, [['connections.kept', 'install the package conntrack to cut live connections too']])
})

test('a program that fails is said once, and tried again', async () => {
  let calls = 0
  const { cut, lines } = setUp(async (_, args) => {
    calls++
    return createRun({ timeout: 1000 })('false', args)
  })
  for (let round = 1; round <= 3; round++) {
    cut(['192.0.2.1'], [])
    await until('it was tried', () => calls === round)
    await until('it has ended', () => lines.length === 1)
  }
  assert.deepEqual(lines, [['connections.kept', 'live connections are dropped, not cut']])
})
