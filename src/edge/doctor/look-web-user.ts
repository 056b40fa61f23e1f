import { accessSync, constants } from 'node:fs'
import { request } from 'node:http'
import { dirname } from 'node:path'
import type { WebUserFacts } from '../../core/doctor/facts.ts'

const PATIENCE = 2000

type Question = { user: string; socket: string; exists: boolean; logs: readonly string[] }

/** Looks what the web server's user, who we are now, can do: ask the scoring server, write the logs or their folders. */
export async function lookAsWebUser({ user, socket, exists, logs }: Question): Promise<WebUserFacts> {
  const places = [...new Set(logs.flatMap(log => [log, dirname(log)]))]
  const answer = exists ? await ask(socket) : { problem: 'there is no such socket' }
  return {
    user,
    scorer: { path: socket, exists, problem: undefined, status: undefined, ...answer },
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

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}
