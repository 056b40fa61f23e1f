import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createListen, type Listen } from '../src/edge/run-command.ts'
import { createNamespace } from './netns.ts'
import { until } from './until.ts'

const PACKETS = fileURLToPath(new URL('packets.ts', import.meta.url))

/** Addresses that the clients of a lab have: in one IPv4 /24, in another one, and in two IPv6 /64. */
export const CLIENTS = ['192.0.2.7', '192.0.2.8', '198.51.100.7', '2001:db8:1::7', '2001:db8:1::8', '2001:db8:2::7']
/** Where their packets go: to the machine itself (INPUT), or to what stands behind it (FORWARD). */
export const TARGETS = { input: ['203.0.113.1', 'fd00:1::1'], forward: ['10.20.0.2', 'fd00:2::2'] } as const

export type Lab = Awaited<ReturnType<typeof createLab>>

/** A machine between its clients and a server, each in a network namespace, with real packets between them. */
export async function createLab() {
  const [machine, clients, server] = [createNamespace(), createNamespace(), createNamespace()]
  const ip = (space: typeof machine, text: string) => space.run('ip', text.split(' '))
  const children: ChildProcessWithoutNullStreams[] = []
  // Without this every address waits a second or two until it may be used.
  for (const space of [machine, clients, server]) await space.run('sh', ['-c', 'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad'])
  const start = (space: typeof machine, ...args: string[]) => {
    const child = spawn('ip', ['netns', 'exec', space.name, process.execPath, PACKETS, ...args])
    child.stderr.on('data', (chunk: Buffer) => process.stderr.write(chunk))
    children.push(child)
    return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() }
  }

  await ip(machine, `link add outer type veth peer name net0 netns ${clients.name}`)
  await ip(machine, `link add inner type veth peer name net0 netns ${server.name}`)
  await ip(machine, 'addr add 203.0.113.1/32 dev outer')
  await ip(machine, 'addr add fd00:1::1/128 dev outer nodad')
  await ip(machine, 'addr add 10.20.0.1/24 dev inner')
  await ip(machine, 'addr add fd00:2::1/64 dev inner nodad')
  for (const client of CLIENTS) await ip(clients, `addr add ${client}/${client.includes(':') ? '128 dev net0 nodad' : '32 dev net0'}`)
  await ip(server, 'addr add 10.20.0.2/24 dev net0')
  await ip(server, 'addr add fd00:2::2/64 dev net0 nodad')
  for (const [space, link] of [
    [machine, 'outer'],
    [machine, 'inner'],
    [clients, 'net0'],
    [server, 'net0'],
  ] as const)
    await ip(space, `link set ${link} up`)
  await ip(machine, 'route add 192.0.2.0/24 dev outer')
  await ip(machine, 'route add 198.51.100.0/24 dev outer')
  await ip(machine, '-6 route add 2001:db8::/32 dev outer')
  await ip(clients, 'route add 203.0.113.1/32 dev net0')
  await ip(clients, 'route add 10.20.0.0/24 via 203.0.113.1 dev net0')
  await ip(clients, '-6 route add fd00:1::1/128 dev net0')
  await ip(clients, '-6 route add fd00:2::/64 via fd00:1::1 dev net0')
  await ip(server, 'route add default via 10.20.0.1')
  await ip(server, '-6 route add default via fd00:2::1')
  await machine.run('sh', ['-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'])

  for (const space of [machine, server]) {
    const { lines } = start(space, 'echo')
    await lines.next()
    await lines.next()
  }
  const probe = start(clients, 'probe')
  const listen = createListen()
  const inside: Listen = (program, args, ears) => listen('ip', ['netns', 'exec', machine.name, program, ...args], ears)

  const pairs = (way: keyof typeof TARGETS) => CLIENTS.map(client => `${client}>${TARGETS[way][client.includes(':') ? 1 : 0]}`)

  /** The clients whose packets are answered, by the machine itself or by the server behind it. */
  async function reaching(way: keyof typeof TARGETS): Promise<string[]> {
    probe.child.stdin.write(`${pairs(way).join(' ')}\n`)
    const answers = String((await probe.lines.next()).value).split(' ')
    return CLIENTS.filter((_, index) => answers[index] === 'yes')
  }

  /** Sends a packet of each client every millisecond while `work` runs, and gives the clients of whom any was answered. */
  async function reachingDuring(way: keyof typeof TARGETS, work: () => Promise<void>): Promise<string[]> {
    const { child, lines } = start(clients, 'flood', ...pairs(way))
    const answered = new Set<string>()
    const reading = (async () => {
      for (let line = await lines.next(); !line.done; line = await lines.next()) answered.add(line.value)
    })()
    await until('the first is answered', () => answered.size > 0)
    await work()
    child.kill('SIGKILL')
    await reading
    return CLIENTS.filter(client => answered.has(client))
  }

  for (const way of ['input', 'forward'] as const)
    await until(`all packets come through (${way})`, async () => (await reaching(way)).length === CLIENTS.length)
  return {
    name: machine.name,
    run: machine.run,
    listen: inside,
    reaching,
    reachingDuring,
    remove(): void {
      for (const child of children) child.kill('SIGKILL')
      for (const space of [machine, clients, server]) space.remove()
    },
  }
}
