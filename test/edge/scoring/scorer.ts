import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { scoreRequest } from '../../../src/core/model/model.ts'
import { mulberry32 } from '../../../src/core/model/random.ts'
import { parseSettings, type Settings } from '../../../src/core/settings.ts'
import type { Log } from '../../../src/edge/log.ts'
import type { Notify } from '../../../src/edge/notify.ts'
import { type ServeParts, serve } from '../../../src/serve.ts'
import { until } from '../../until.ts'

export type TestScorer = Awaited<ReturnType<typeof startScorer>>
type Options = { score?: Record<string, unknown>; top?: Record<string, unknown>; parts?: Partial<ServeParts>; folder?: string }

/** Scores as if every host were known: the base model alone would leave each decision to the WAF. */
const uncapped: NonNullable<ServeParts['score']> = (model, request) => ({ ...scoreRequest(model, request), capped: false })

/** A real scorer in this process, on a unix socket in a folder of its own. */
export async function startScorer({
  score = {},
  top = {},
  parts = {},
  folder = mkdtempSync(join(tmpdir(), 'modwarden-score-')),
}: Options = {}) {
  const socket = join(folder, 'score.sock')
  const settings = settingsOf({
    model_dir: join(folder, 'models'),
    denied_file: join(folder, 'denied'),
    ...top,
    score: { socket, group: String(process.getgid!()), state_dir: folder, ...score },
  })
  const stop = new AbortController()
  const { log, told } = recordingLog()
  let isReady = false
  const nothing = async () => {}
  const notify: Notify = {
    ready: async () => {
      isReady = true
    },
    status: nothing,
    reloading: nothing,
    stopping: nothing,
    watchdog: nothing,
  }
  const ended = serve({
    settings,
    log,
    notify,
    clock: Date.now,
    random: mulberry32(1),
    signal: stop.signal,
    watchdogEvery: 1e6,
    score: uncapped,
    ...parts,
  })
  await Promise.race([ended, until('the scorer is ready', () => isReady)])
  return {
    folder,
    socket,
    told,
    /** Stops it; with `keep` the folder stays. */
    async stop({ keep = false } = {}): Promise<void> {
      stop.abort()
      await ended
      if (!keep) rmSync(folder, { recursive: true, force: true })
    },
  }
}

function settingsOf(values: Record<string, unknown>): Settings {
  const settings = parseSettings([{ name: 'test', values }])
  if (!settings.ok) throw new Error(settings.problems.join('\n'))
  return settings.value
}

function recordingLog(): { log: Log; told: { event: string; fields: Record<string, unknown> }[] } {
  const told: { event: string; fields: Record<string, unknown> }[] = []
  const tell = (event: string, fields: Record<string, unknown> = {}) => void told.push({ event, fields })
  return { log: { info: tell, warn: tell, error: tell }, told }
}

export type Answer = { status: number; headers: string; body: string }

/** Sends raw bytes to a socket and gives everything that comes back until it closes, or until `limit` ms have passed. */
export function exchange(path: string | number, bytes: string | Buffer, { limit = 3000, isHalfClosed = false } = {}): Promise<Raw> {
  return new Promise(resolve => {
    const socket = open(path)
    let text = ''
    const end = (how: Raw['how']) => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ text, how })
    }
    const timer = setTimeout(() => end('open'), limit)
    socket.on('data', chunk => {
      text += chunk.toString('latin1')
    })
    socket.on('end', () => end('closed'))
    socket.on('error', () => end('closed'))
    if (isHalfClosed) socket.end(bytes)
    else socket.write(bytes)
  })
}

export type Raw = { text: string; how: 'closed' | 'open' }

export function open(path: string | number): Socket {
  return typeof path === 'string' ? connect({ path, allowHalfOpen: true }) : connect({ port: path, host: '127.0.0.1', allowHalfOpen: true })
}

/** One request on a connection of its own, as the Lua client makes it. */
export async function post(path: string | number, target: string, contentType: string, body: string): Promise<Answer> {
  const head = `POST ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: ${contentType}\r\nContent-Length: ${body.length}\r\n\r\n`
  return readAnswer((await exchange(path, Buffer.from(head + body, 'latin1'))).text)
}

export async function get(path: string | number, target: string): Promise<Answer> {
  return readAnswer((await exchange(path, `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)).text)
}

export function readAnswer(text: string): Answer {
  const split = text.indexOf('\r\n\r\n')
  const headers = text.slice(0, split)
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(headers)?.[1] ?? 0), headers, body: text.slice(split + 4) }
}

/** Asks over one connection that is kept, one request after the other. */
export async function keepAsking(path: string, ask: () => { body: string } | undefined, onAnswer: (answer: Answer) => void): Promise<void> {
  const socket = open(path)
  let text = ''
  try {
    for (let next = ask(); next !== undefined; next = ask()) {
      socket.write(
        `POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-modsec-ml\r\nContent-Length: ${next.body.length}\r\n\r\n${next.body}`,
        'latin1',
      )
      text = ''
      for (;;) {
        const whole = /^.*?\r\n\r\n/s.exec(text)
        const length = Number(/content-length: (\d+)/i.exec(whole?.[0] ?? '')?.[1] ?? Number.NaN)
        if (whole && text.length >= whole[0].length + length) break
        text += await nextChunk(socket)
      }
      onAnswer(readAnswer(text))
    }
  } finally {
    socket.destroy()
  }
}

function nextChunk(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const clean = () => {
      socket.off('data', got).off('end', gone).off('error', gone)
    }
    const got = (chunk: Buffer) => {
      clean()
      resolve(chunk.toString('latin1'))
    }
    const gone = () => {
      clean()
      reject(new Error('the scorer closed the connection'))
    }
    socket.once('data', got).once('end', gone).once('error', gone)
  })
}

/** Gives a port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
