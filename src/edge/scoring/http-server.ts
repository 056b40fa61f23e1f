import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Reply } from '../../core/scoring/verdict.ts'
import type { Millis } from '../../core/types.ts'

const MOST_BODY = 64 * 1024
/** What is sent beyond the limit is read up to here, so that the client gets to read the answer. */
const MOST_DRAINED = 1024 * 1024
const HEADER_TIME: Millis = 10_000
const IDLE_TIME: Millis = 75_000
const CHECK_EVERY: Millis = 1000

export type Asked = { method: string; path: string; contentType: string; body: Buffer; since: number }
export type Trouble = 'late' | 'too_large' | 'broken'

type Parts = {
  /** Answers a request that has come wholly; must not throw. */
  answer(asked: Asked): Reply
  /** Told of a request that never got that far. */
  refused(trouble: Trouble): void
  /** The earliest moment (performance.now) at which what is read now can have arrived. */
  arrivedSince(): number
  deadline: Millis
  maxConnections: number
}

export type ScoreServer = {
  server: Server
  connections(): number
  /** Takes no more requests, answers those under way, and resolves when all connections are closed. */
  stop(limit: Millis): Promise<void>
}

/** Makes the HTTP/1.1 side of the scorer: bounded headers, bodies, connections and times. Whatever comes in, it answers or closes, and never throws. */
export function createScoreServer({ answer, refused, arrivedSince, deadline, maxConnections }: Parts): ScoreServer {
  const sockets = new Set<Socket>()
  /** Connections that wait for their next request, the one that waits longest first. */
  const idle = new Set<Socket>()
  let isStopping = false
  const server = createServer(
    {
      maxHeaderSize: 8192,
      requireHostHeader: false,
      keepAliveTimeout: IDLE_TIME,
      headersTimeout: HEADER_TIME,
      requestTimeout: HEADER_TIME,
      connectionsCheckingInterval: CHECK_EVERY,
      noDelay: true,
    },
    handle,
  )
  server.maxHeadersCount = 100
  server.timeout = IDLE_TIME
  server.on('connection', socket => {
    sockets.add(socket)
    idle.add(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      idle.delete(socket)
    })
    // Whoever holds many connections open and asks nothing must not keep out those who ask.
    if (sockets.size > maxConnections) evict()
  })
  // Too many open files: those who wait are accepted when others have gone.
  server.on('error', () => refused('broken'))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // A client that has gone away is no trouble of ours.
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
    refused(error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'late' : 'broken')
    socket.end(`HTTP/1.1 ${statusOf(error.code)}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    // What it goes on sending is not waited for.
    setTimeout(() => socket.destroy(), CHECK_EVERY).unref()
  })
  server.on('dropRequest', () => refused('broken'))

  function evict(): void {
    const [longest] = idle
    if (longest === undefined) return
    idle.delete(longest)
    sockets.delete(longest)
    longest.destroy()
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const since = arrivedSince()
    const { socket } = request
    idle.delete(socket)
    const chunks: Buffer[] = []
    let size = 0
    let isTooLarge = false
    const timer = setTimeout(() => finish(isTooLarge ? 'too_large' : 'late'), deadline)
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > MOST_BODY) {
        isTooLarge = true
        chunks.length = 0
        if (size > MOST_DRAINED) finish('too_large')
      } else chunks.push(chunk)
    })
    request.on('end', () => finish(isTooLarge ? 'too_large' : undefined))
    request.on('error', () => clearTimeout(timer))
    // Who has gone away reads no answer.
    response.on('error', () => {})
    request.on('close', () => {
      clearTimeout(timer)
      if (!socket.destroyed) idle.add(socket)
    })

    function finish(trouble: Trouble | undefined): void {
      clearTimeout(timer)
      if (response.headersSent || response.destroyed) return
      if (trouble !== undefined) {
        refused(trouble)
        // The rest of its body would be read as the next request.
        reply(response, trouble === 'late' ? { status: 503, body: 'too late\n' } : { status: 413, body: 'too large\n' }, true)
        return
      }
      const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
      const path = request.url ?? ''
      const contentType = request.headers['content-type'] ?? ''
      reply(response, answer({ method: request.method ?? '', path, contentType, body, since }), isStopping)
    }
  }

  function reply(response: ServerResponse, { status, body, type }: Reply, isLast: boolean): void {
    const headers = ['Content-Type', type === 'json' ? 'application/json' : 'text/plain; charset=utf-8']
    headers.push('Content-Length', String(Buffer.byteLength(body)))
    if (isLast) headers.push('Connection', 'close')
    if (status === 405) headers.push('Allow', 'GET, HEAD, POST')
    response.sendDate = false
    response.writeHead(status, headers)
    response.end(body)
  }

  return {
    server,
    connections: () => sockets.size,
    stop: limit =>
      new Promise(resolve => {
        isStopping = true
        const timer = setTimeout(() => {
          for (const socket of sockets) socket.destroy()
        }, limit)
        server.close(() => {
          clearTimeout(timer)
          resolve()
        })
        server.closeIdleConnections()
      }),
  }
}

function statusOf(code: string | undefined): string {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large'
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return '408 Request Timeout'
  return '400 Bad Request'
}
