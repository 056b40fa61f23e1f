import { accessSync, constants } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import type { WebUserFacts } from '../../core/doctor/facts.ts'

const PATIENCE = 2000

type Question = { user: string; socket: string; exists: boolean; other?: string | undefined; logs: readonly string[] }

/** Looks what the web server's user, who we are now, can do: ask the scoring server, connect to the `other` one that the plugin asks, write the logs or their folders. */
export async function lookAsWebUser({ user, socket, exists, other, logs }: Question): Promise<WebUserFacts> {
  const places = [...new Set(logs.flatMap(log => [log, dirname(log)]))]
  const answer = exists ? await ask(socket) : { problem: 'there is no such socket' }
  return {
    user,
    scorer: { path: socket, exists, problem: undefined, status: undefined, ...answer },
    otherScorer: other === undefined ? undefined : { url: other, problem: await whyUnreachable(other) },
    writable: places.filter(isWritable),
  }
}

function ask(socketPath: string): Promise<{ status?: number; problem?: string }> {
  return new Promise(resolve => {
    const asked = request({ socketPath, path: '/healthz', timeout: PATIENCE }, response => {
      response.destroy()
      resolve({ status: response.statusCode ?? 0 })
    })
    asked.on('timeout', () => {
      asked.destroy()
      resolve({ problem: `no answer within ${PATIENCE / 1000} s` })
    })
    asked.on('error', error => resolve({ problem: error.message }))
    asked.end()
  })
}

/** Connects and no more: a scorer of somebody else need not know another question than that for a score. */
function whyUnreachable(url: string): Promise<string | undefined> {
  const path = /^unix:(\/.*)$/.exec(url)?.[1]
  const port = /^http:\/\/127\.0\.0\.1:(\d{1,5})\/?$/.exec(url)?.[1]
  if (path === undefined && !(Number(port) <= 65_535)) return Promise.resolve('it is neither unix:/PATH nor http://127.0.0.1:PORT/')
  return new Promise(resolve => {
    const socket = path === undefined ? connect(Number(port), '127.0.0.1') : connect(path)
    const end = (problem?: string) => {
      socket.destroy()
      resolve(problem)
    }
    socket.setTimeout(PATIENCE, () => end(`no answer within ${PATIENCE / 1000} s`))
    socket.on('connect', () => end())
    socket.on('error', error => end(error.message))
  })
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}
