import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createNames, findAccount, readProcessAccount } from '../../core/doctor/accounts.ts'
import type { Account, Facts, Parts } from '../../core/doctor/facts.ts'
import { ifKnown } from '../../core/doctor/finding.ts'
import { asksOther, webUserOf } from '../../core/doctor/waf.ts'
import type { Settings } from '../../core/settings.ts'
import type { Millis, Result } from '../../core/types.ts'
import { SERVICE_USER } from '../drop-user.ts'
import { DEFAULT_FILE } from '../settings-file.ts'
import { lookAs } from './eyes.ts'
import { askUnits, findPrograms, lookAtFirewall, lookAtProcess, readRotation } from './machine.ts'
import type { Places } from './places.ts'
import { findServers, startedWith } from './servers.ts'
import { readSmall } from './small-file.ts'
import { readWebConfigs } from './web-configs.ts'

/** No part of the facts takes longer than this; the whole of a large database is read. */
const LATEST: Millis = 8_000
const LATEST_DATABASE: Millis = 20_000

/** `config` is a settings file that was named; `settings` what it says, or what is wrong with it; `latest` how long one part may take. */
type Asked = { settings: Result<Settings>; config: string | undefined; now: Millis; latest?: Millis }

/** Looks at every part of the machine, side by side; a part that fails or is late says so, and keeps no other one from being told. Changes nothing. */
export async function gatherFacts({ settings, config, now, latest = LATEST }: Asked, places: Places): Promise<Facts> {
  const [passwd, groups] = [places.passwd, places.groups].map(path => ifKnown(readSmall(path)) ?? '') as [string, string]
  const names = { user: createNames(passwd), group: createNames(groups) }
  const known = <T>(work: (settings: Settings) => T | Promise<T>, time = latest) =>
    part(() => (settings.ok ? work(settings.value) : fail('the settings are wrong (settings)')), time)

  const units = await part(() => askUnits(places.run))
  const unit = ifKnown(units)?.find(({ id, isLoaded }) => id === 'modwarden.service' && isLoaded)
  const account =
    accountOf(places.proc, unit?.pid, names.user) ?? findAccount(passwd, groups, unit?.user || SERVICE_USER, unit?.group || undefined)
  const logs = settings.ok ? settings.value.auditLogs : []

  const servers = await part(() => asRoot('what others hold open', () => findServers(places.proc, logs, names.user)))
  const web = await part(() => readWebConfigs(places, startedWith(places.proc, ifKnown(servers) ?? { running: [], held: [] })))
  const webUser = webUserOf(ifKnown(servers), ifKnown(web) ?? [])
  const webAccount =
    ifKnown(servers)?.running.find(one => one.account.name === webUser)?.account ?? findAccount(passwd, groups, webUser ?? '')

  const daemon = part(() => lookAs(account, 'daemon', { config, database: ifKnown(settings)?.database }, latest))
  const [...parts] = await Promise.all([
    daemon,
    part(() => findPrograms(places)),
    known(({ auditLogs, storageDir, trustedProxies, clientIpHeader }) =>
      lookAs(account, 'logs', { logs: auditLogs, storageDir, proxies: { trusted: trustedProxies, header: clientIpHeader } }, latest),
    ),
    part(() => readRotation(places.logrotate)),
    part(() => asRoot('the firewall', () => lookAtFirewall(places))),
    known(({ database }) => lookAs(account, 'database', { path: database, logs }, LATEST_DATABASE), LATEST_DATABASE),
    known(({ modelDir }) => lookAs(account, 'model', { folder: modelDir }, latest)),
    known(({ scoreSocket, scoreListen }) => {
      if (webUser === undefined || webAccount === undefined) return fail('no web server was found, so its user is not known')
      const other = asksOther(ifKnown(web) ?? [], { scoreSocket, scoreListen })?.scorer
      const request = { user: webUser, socket: scoreSocket, exists: existsSync(scoreSocket), other, logs }
      return lookAs(webAccount, 'webUser', request, latest)
    }),
    daemon.then(found =>
      part(() => asRoot('the daemon at work', () => lookAtProcess(places.proc, unit?.pid || runningPid(ifKnown(found)), logs))),
    ),
  ])
  const [daemonFacts, programs, logFacts, rotation, firewall, database, model, webUserFacts, processFacts] = parts
  return {
    settings,
    units,
    daemon: daemonFacts,
    process: processFacts,
    programs,
    logs: logFacts,
    web,
    servers,
    rotation,
    firewall,
    database,
    model,
    webUser: webUserFacts,
    now,
    serviceUser: account?.name ?? names.user(ownUid()),
    serviceGroups: account?.groups ?? [],
    names,
    settingsFolder: join(dirname(config ?? DEFAULT_FILE), 'conf.d'),
  }
}

/** Looks at one part until its time is over. */
async function part<T>(work: () => T | Promise<T>, latest: Millis = LATEST): Promise<Result<T>> {
  const { promise, resolve } = Promise.withResolvers<Result<T>>()
  const timer = setTimeout(() => resolve({ ok: false, problem: `it took longer than ${latest / 1000} s` }), latest + 1000)
  try {
    const done = (async (): Promise<Result<T>> => ({ ok: true, value: await work() }))()
    return await Promise.race([done, promise])
  } catch (error) {
    return { ok: false, problem: (error as Error).message }
  } finally {
    clearTimeout(timer)
  }
}

function asRoot<T>(what: string, work: () => T): T {
  return ownUid() === 0 ? work() : fail(`only root can see ${what}: run it as root`)
}

function fail(problem: string): never {
  throw new Error(problem)
}

function accountOf(proc: string, pid: number | undefined, userName: (uid: number) => string): Account | undefined {
  const status = pid === undefined || pid === 0 ? undefined : readSmall(join(proc, String(pid), 'status'))
  const account = status?.ok ? readProcessAccount(status.value) : undefined
  return account === undefined ? undefined : { name: userName(account.uid), ...account }
}

function runningPid(daemon: Parts['daemon'] | undefined): number {
  return daemon?.state?.isRunning === true ? daemon.state.pid : fail('the daemon does not run')
}

function ownUid(): number {
  return process.getuid?.() ?? 0
}
