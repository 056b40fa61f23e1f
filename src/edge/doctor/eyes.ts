import { fileURLToPath } from 'node:url'
import type { Account } from '../../core/doctor/facts.ts'
import type { Millis, Result } from '../../core/types.ts'
import { createRun } from '../run-command.ts'
import type { Looks } from './look.ts'

const LOOK = fileURLToPath(new URL(`./look${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url))

/** Looks at something as another user, in a process of its own that is ended after `timeout`: whatever strangers may have put there is opened without
 *  privileges, what hangs keeps nobody waiting, and what that user may not do fails for real. Without `account` it looks as who we are. */
export async function lookAs<K extends keyof Looks>(
  account: Account | undefined,
  what: K,
  request: Parameters<Looks[K]>[0],
  timeout: Millis,
): Promise<Awaited<ReturnType<Looks[K]>>> {
  const uid = process.getuid?.()
  if (account !== undefined && uid !== 0 && uid !== account.uid) throw new Error(`only root can look as ${account.name}: run it as root`)
  const run = createRun({ timeout })
  const answer = await run(process.execPath, [LOOK], JSON.stringify({ account: uid === 0 ? account : undefined, what, request })).catch(
    (error: Error) => {
      throw new Error(error.message.includes('took longer') ? `it took longer than ${timeout / 1000} s` : error.message)
    },
  )
  const result = JSON.parse(answer) as Result<Awaited<ReturnType<Looks[K]>>>
  if (!result.ok) throw new Error(result.problem)
  return result.value
}
