import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'

/** How a scorer of a test's own behaves: as it should, or as one that is broken. */
export type Manner = 'fine' | 'unready' | 'hung' | 'slow' | 'garbage' | 'huge' | 'mute' | 'drip' | 'plain'

export type StubScorer = {
  /** What clients asked, by the fields of the protocol; a field that may come several times holds all. */
  asked: Map<string, string[]>[]
  connections(): number
  /** Listens on loopback too, and gives the port. */
  alsoOn(port: number): Promise<number>
  close(): Promise<void>
}

/** A scorer with scripted answers on a real socket. Scored is what the request itself asks for: `want=8.20` in its URI, else `otherwise`. */
export async function startStubScorer(address: string | number, manner: Manner = 'fine', otherwise = '0.50'): Promise<StubScorer> {
  const asked: Map<string, string[]>[] = []
  const sockets = new Set<Socket>()
  const timers = new Set<NodeJS.Timeout>()
  const serve = (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => void sockets.delete(socket)).on('error', () => socket.destroy())
    if (manner === 'hung') return void socket.on('end', () => socket.destroy()).resume()
    let text = ''
    socket.on('data', chunk => {
      text += chunk.toString('latin1')
      for (let request = cut(text); request !== undefined; request = cut(text)) {
        text = text.slice(request.length)
        const fields = readFields(request.body)
        asked.push(fields)
        if (manner === 'slow') timers.add(setTimeout(() => reply(socket, request.isKept, fields, otherwise), 200))
        else if (manner === 'plain') replyByStatus(socket, fields)
        else if (manner === 'fine') reply(socket, request.isKept, fields, otherwise)
        else misbehave(socket, manner, timers)
      }
    })
    socket.on('end', () => socket.end())
  }
  const servers = [createServer({ allowHalfOpen: true }, serve)]
  await listen(servers[0]!, address)
  return {
    asked,
    connections: () => sockets.size,
    async alsoOn(port) {
      const other = createServer({ allowHalfOpen: true }, serve)
      servers.push(other)
      await listen(other, port)
      return (other.address() as AddressInfo).port
    },
    async close() {
      for (const timer of timers) clearTimeout(timer)
      for (const socket of sockets) socket.destroy()
      await Promise.all(servers.map(server => new Promise(resolve => void server.close(resolve))))
    },
  }
}

async function listen(server: Server, address: string | number): Promise<void> {
  if (typeof address === 'string') {
    mkdirSync(dirname(address), { recursive: true })
    rmSync(address, { force: true })
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    if (typeof address === 'string') server.listen(address, resolve)
    else server.listen(address, '127.0.0.1', resolve)
  })
  if (typeof address === 'string') chmodSync(address, 0o666)
}

type Asked = { length: number; body: string; isKept: boolean }

/** Cuts the first whole request off what came. */
function cut(text: string): Asked | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = text.slice(0, end)
  const size = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0)
  if (text.length < end + 4 + size) return undefined
  return { length: end + 4 + size, body: text.slice(end + 4, end + 4 + size), isKept: !/connection: *close/i.test(head) }
}

/** Reads netstrings `LENGTH:K=VALUE,`; throws on what is none, since the client is ours. */
function readFields(body: string): Map<string, string[]> {
  const fields = new Map<string, string[]>()
  for (let at = 0; at < body.length; ) {
    const colon = body.indexOf(':', at)
    const end = colon + 1 + Number(body.slice(at, colon))
    if (body[end] !== ',') throw new Error(`no netstring at ${at}: ${body.slice(at, at + 60)}`)
    const item = body.slice(colon + 1, end)
    const equals = item.indexOf('=')
    const key = item.slice(0, equals)
    fields.set(key, [...(fields.get(key) ?? []), item.slice(equals + 1)])
    at = end + 1
  }
  return fields
}

function reply(socket: Socket, isKept: boolean, fields: Map<string, string[]>, otherwise: string): void {
  const score = wanted(fields) ?? otherwise
  const text = `${score} ${Number(score) >= 7 ? 'deny' : 'pass'}\n`
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\nConnection: ${isKept ? 'keep-alive' : 'close'}\r\n\r\n${text}`)
  if (!isKept) socket.end()
}

/** Answers as the original plugin's server was meant to: by the status, with the bare score. */
function replyByStatus(socket: Socket, fields: Map<string, string[]>): void {
  const score = wanted(fields) ?? '0.50'
  socket.end(`HTTP/1.1 ${Number(score) >= 7 ? '401 UNAUTHORIZED' : '200 OK'}\r\nContent-Length: ${score.length}\r\n\r\n${score}`)
}

function wanted(fields: Map<string, string[]>): string | undefined {
  return /want=(\d+\.\d\d)/.exec(fields.get('u')?.[0] ?? '')?.[1]
}

function misbehave(socket: Socket, manner: Manner, timers: Set<NodeJS.Timeout>): void {
  if (manner === 'unready') socket.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  if (manner === 'garbage') socket.end('\0\xff{"anomaly_score": "ten"}\n')
  if (manner === 'huge') socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n${'1'.repeat(5_000_000)}`)
  if (manner === 'mute') socket.end()
  // One byte every 10 ms, for ever: each is in time, all together are not.
  if (manner === 'drip') {
    const timer = setInterval(() => (socket.writable ? socket.write('H') : clearInterval(timer)), 10)
    timers.add(timer)
  }
}
