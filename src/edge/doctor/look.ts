// The process that looks as another user: the question on stdin, the answer on stdout, both JSON.
import { readFileSync } from 'node:fs'
import type { Account } from '../../core/doctor/facts.ts'
import type { lookAtDaemon } from './look-daemon.ts'
import type { lookAtDatabase } from './look-database.ts'
import type { lookAtLogs } from './look-logs.ts'
import type { lookAtModel } from './look-model.ts'
import type { lookAsWebUser } from './look-web-user.ts'

export type Looks = {
  daemon: typeof lookAtDaemon
  database: typeof lookAtDatabase
  logs: typeof lookAtLogs
  model: typeof lookAtModel
  webUser: typeof lookAsWebUser
}

type Question = { account?: Account; what: keyof Looks; request: never }

// The code is loaded before root is given up: the other user may not be able to read it.
const LOADERS: { [K in keyof Looks]: () => Promise<(request: never) => unknown> } = {
  daemon: async () => (await import('./look-daemon.ts')).lookAtDaemon,
  database: async () => (await import('./look-database.ts')).lookAtDatabase,
  logs: async () => (await import('./look-logs.ts')).lookAtLogs,
  model: async () => (await import('./look-model.ts')).lookAtModel,
  webUser: async () => (await import('./look-web-user.ts')).lookAsWebUser,
}

const { account, what, request } = JSON.parse(readFileSync(0, 'utf8')) as Question
const look = await LOADERS[what]()
if (account !== undefined) become(account)
process.stdout.write(JSON.stringify(await answer()))

async function answer(): Promise<unknown> {
  try {
    return { ok: true, value: await look(request) }
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) }
  }
}

function become({ uid, gid, groups }: Account): void {
  process.setgroups!([...groups])
  process.setgid!(gid)
  process.setuid!(uid)
}
