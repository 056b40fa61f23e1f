import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { SocketAddress } from 'node:net'

const TYPES: Readonly<Record<number, string>> = { 1: 'A', 12: 'PTR', 28: 'AAAA' }

/** What a name has: records by type, or no answer at all, or a failure. A name that is not in the zone does not exist. */
export type Zone = Record<string, { A?: string[]; AAAA?: string[]; PTR?: string[] } | 'silent' | 'broken'>

/** A DNS server on loopback that answers from a zone, which may change while it runs. `asked` holds what it was asked, `TYPE name`. */
export async function createDnsServer(zone: Zone, { address = '127.0.0.1', port = 0 } = {}) {
  const socket = createSocket('udp4')
  const asked: string[] = []
  socket.on('message', (query, { port, address }) => {
    const { name, type, end } = readQuestion(query)
    asked.push(`${type} ${name}`)
    const found = zone[name]
    if (found !== 'silent') socket.send(answer(query.subarray(0, end), { found, type }), port, address)
  })
  socket.bind(port, address)
  await once(socket, 'listening')
  return { asked, server: `${address}:${socket.address().port}`, close: () => socket.close() }
}

function readQuestion(query: Buffer): { name: string; type: string; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += length + 1
  }
  return { name: labels.join('.').toLowerCase(), type: TYPES[query.readUInt16BE(at + 1)] ?? '?', end: at + 5 }
}

function answer(question: Buffer, { found, type }: { found: Zone[string] | undefined; type: string }): Buffer {
  const records = typeof found === 'object' ? (found[type as 'A'] ?? []).map(value => record(type, value)) : []
  const code = found === 'broken' ? 2 : found === undefined ? 3 : 0
  const head = Buffer.from(question.subarray(0, 12))
  head.writeUInt16BE(0x8580 | code, 2)
  head.writeUInt16BE(records.length, 6)
  head.fill(0, 8, 12)
  return Buffer.concat([head, question.subarray(12), ...records])
}

function record(type: string, value: string): Buffer {
  const data =
    type === 'PTR'
      ? encodeName(value)
      : type === 'A'
        ? Buffer.from(value.split('.').map(Number))
        : Buffer.from(groupsOf(value).join(''), 'hex')
  const head = Buffer.alloc(12)
  // The name: where that of the question stands.
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(Number(Object.entries(TYPES).find(([, name]) => name === type)![0]), 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

function encodeName(name: string): Buffer {
  const labels = name.split('.').map(label => Buffer.from(label, 'latin1'))
  return Buffer.concat([...labels.flatMap(label => [Buffer.from([label.length]), label]), Buffer.from([0])])
}

function groupsOf(ip: string): string[] {
  const [left = '', right] = new SocketAddress({ address: ip, family: 'ipv6' }).address.split('::')
  const head = left === '' ? [] : left.split(':')
  const tail = right === undefined || right === '' ? [] : right.split(':')
  const zeros = right === undefined ? 0 : 8 - head.length - tail.length
  return [...head, ...Array<string>(zeros).fill('0'), ...tail].map(group => group.padStart(4, '0'))
}
