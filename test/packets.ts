// Runs inside a network namespace. `echo`: answers every UDP packet at port 7777. `probe`: for each line `FROM>TO FROM>TO …` on stdin sends a packet
// each, and says which of them were answered. `flood FROM>TO …`: sends one every millisecond each, and says once of whom any was answered.
import { createSocket } from 'node:dgram'
import { createInterface } from 'node:readline'

const PORT = 7777
const PATIENCE = 300
const kindOf = (ip: string) => (ip.includes(':') ? 'udp6' : 'udp4')

if (process.argv[2] === 'echo') {
  for (const [kind, address] of [
    ['udp4', '0.0.0.0'],
    ['udp6', '::'],
  ] as const) {
    const socket = createSocket({ type: kind, ipv6Only: kind === 'udp6' })
    socket.on('message', (message, from) => socket.send(message, from.port, from.address))
    socket.bind(PORT, address, () => process.stdout.write('ready\n'))
  }
} else if (process.argv[2] === 'flood') {
  for (const pair of process.argv.slice(3)) {
    const [from, to] = pair.split('>') as [string, string]
    const socket = createSocket(kindOf(to))
    socket.once('message', () => process.stdout.write(`${from}\n`))
    // What the kernel refuses to send comes through no more than what it drops.
    socket.on('error', () => {})
    socket.bind(0, from, () => setInterval(() => socket.send('hello', PORT, to), 1))
  }
} else {
  for await (const line of createInterface(process.stdin)) {
    const answers = await Promise.all(line.split(' ').map(pair => isAnswered(...(pair.split('>') as [string, string]))))
    process.stdout.write(`${answers.map(answered => (answered ? 'yes' : 'no')).join(' ')}\n`)
  }
}

function isAnswered(from: string, to: string): Promise<boolean> {
  const socket = createSocket(kindOf(to))
  return new Promise<boolean>(resolve => {
    const timer = setTimeout(() => resolve(false), PATIENCE)
    socket.on('message', () => {
      clearTimeout(timer)
      resolve(true)
    })
    socket.on('error', () => resolve(false))
    socket.bind(0, from, () => socket.send('hello', PORT, to))
  }).finally(() => socket.close())
}
