import type { Server } from 'node:http'
import { createLag } from './core/scoring/lag.ts'
import { createCounters } from './core/scoring/metrics.ts'
import { createReservoir, type Reservoir } from './core/scoring/reservoir.ts'
import type { Reply } from './core/scoring/verdict.ts'
import type { Settings } from './core/settings.ts'
import type { Ip, Millis } from './core/types.ts'
import type { Log } from './edge/log.ts'
import { shrinkMemory } from './edge/memory.ts'
import type { Notify } from './edge/notify.ts'
import { openModelInBackground } from './edge/scoring/background-model.ts'
import { watchDeniedFile } from './edge/scoring/denied-file.ts'
import { type Asked, createScoreServer, type ScoreServer } from './edge/scoring/http-server.ts'
import { loadReservoir, samplesPath, saveReservoir } from './edge/scoring/reservoir-file.ts'
import { listenOnPort, listenOnSocket } from './edge/scoring/take-socket.ts'
import { runHousekeeping } from './housekeeping.ts'
import { createScoring, type ScoringParts } from './scoring.ts'
import { warmUp } from './warm-up.ts'

const SECOND: Millis = 1000
const SAVE_EVERY: Millis = 300 * SECOND
const DENIED_EVERY: Millis = 100
/** What is under way at a stop gets so long. */
const LAST_ANSWERS: Millis = SECOND
/** Who asks by TCP makes a connection for each request. */
const MOST_TCP_CONNECTIONS = 512
const MOST_SAMPLE_BYTES = 16 * 1024 * 1024

export type ServeParts = {
  settings: Settings
  log: Log
  notify: Notify
  clock: () => Millis
  random: () => number
  signal: AbortSignal
  watchdogEvery: Millis
  findClient?: ScoringParts['findClient']
  score?: ScoringParts['score']
}

/** Runs the scoring server until the signal: listens, answers, keeps the model, the list of denied clients and the samples up to date; resolves when
 *  the last answer is out and the samples are saved. Throws when it cannot listen. */
export async function serve(parts: ServeParts): Promise<void> {
  const { settings, log, notify, clock } = parts
  const now = () => performance.now()
  const model = openModelInBackground(settings.modelDir, log)
  const counters = createCounters()
  let told: { problem?: string | undefined; ignored: number } = { ignored: 0 }
  const denied = watchDeniedFile(settings.deniedFile, { every: DENIED_EVERY, clock: now })
  const samples = openSamples()
  const lag = createLag(now, work => void setImmediate(work))
  const scoringParts = {
    model: model.current,
    denied: { isDenied },
    findClient: parts.findClient ?? (ip => ({ ip })),
    reservoir: samples?.reservoir,
    counters,
    settings,
    metrics,
    clock,
    now,
    ...(parts.score ? { score: parts.score } : {}),
  }
  warmUp(scoringParts)
  shrinkMemory()
  const scoring = createScoring(scoringParts)
  const servers: ScoreServer[] = []
  const leave = await listen()
  log.info('scorer.started', {
    socket: settings.scoreSocket,
    listen: settings.scoreListen === undefined ? undefined : `${settings.scoreListen.host}:${settings.scoreListen.port}`,
    model: model.current().version,
    samples: samples?.reservoir.size().requests,
  })
  await notify.ready('scoring')
  await keepHouse()
  leave()
  await Promise.all(servers.map(({ stop }) => stop(LAST_ANSWERS)))
  await samples?.save()
  log.info('scorer.stopped')

  async function listen(): Promise<() => void> {
    const remove = await listenOnSocket(open(settings.scoreMaxConnections), settings.scoreSocket, settings.scoreGroup)
    try {
      if (settings.scoreListen !== undefined) await listenOnPort(open(MOST_TCP_CONNECTIONS), settings.scoreListen)
    } catch (error) {
      remove()
      for (const { server } of servers) server.close()
      throw error
    }
    return remove
  }

  function open(maxConnections: number): Server {
    const opened = createScoreServer({
      answer,
      refused: trouble => counters.ended('http', trouble),
      arrivedSince: lag.arrivedSince,
      deadline: settings.scoreDeadline,
      maxConnections,
    })
    servers.push(opened)
    return opened.server
  }

  /** An answer must come whatever happens: without one the WAF would wait for its whole budget. */
  function answer(asked: Asked): Reply {
    try {
      return scoring(asked)
    } catch (error) {
      counters.ended('http', 'failed')
      log.error('request.failed', { problem: (error as Error).message })
      return { status: 503, body: 'failed\n' }
    }
  }

  function isDenied(ip: Ip): boolean {
    denied.refresh()
    return denied.current().isDenied(ip, clock())
  }

  function metrics(): string {
    const { requests = 0, bytes = 0, hosts = 0 } = samples?.reservoir.size() ?? {}
    const gauges = {
      connections: { help: 'Open connections.', value: servers.reduce((sum, { connections }) => sum + connections(), 0) },
      denied_clients: { help: 'Addresses and prefixes on the list of denied clients.', value: denied.current().size },
      denied_lines_ignored: { help: 'Lines of that list that say nothing.', value: denied.current().ignored },
      samples: { help: 'Clean requests in the reservoir.', value: requests },
      sample_bytes: { help: 'Their size in bytes.', value: bytes },
      sample_hosts: { help: 'Hosts they are of.', value: hosts },
      resident_bytes: { help: 'Memory of the process.', value: process.memoryUsage.rss() },
    }
    return counters.text(gauges, model.current().version)
  }

  function keepHouse(): Promise<void> {
    return runHousekeeping(
      [
        { every: SECOND, work: model.refresh },
        { every: SECOND, work: lookAtDenied },
        { every: SAVE_EVERY, work: () => samples?.save() },
        { every: parts.watchdogEvery, work: notify.watchdog },
      ],
      { signal: parts.signal, clock: now, nextAt: () => Number.POSITIVE_INFINITY },
    )
  }

  function lookAtDenied(): void {
    denied.refresh()
    const problem = denied.problem()
    const { size, ignored } = denied.current()
    if (problem !== told.problem && problem !== undefined) log.warn('denied-file.failed', { problem, remedy: 'the old list holds' })
    if (ignored !== told.ignored && ignored > 0) log.warn('denied-file.partial', { clients: size, ignored })
    told = { problem, ignored }
  }

  function openSamples() {
    if (settings.scoreReservoir === 0) return undefined
    const path = samplesPath(settings.scoreStateDir)
    const reservoir = createReservoir({ requests: settings.scoreReservoir, bytes: MOST_SAMPLE_BYTES, random: parts.random, now })
    const problem = loadReservoir(path, reservoir)
    if (problem !== undefined) log.warn('samples.set-aside', { problem })
    return { reservoir, save: () => saveSamples(path, reservoir) }
  }

  // A full disk must not end the scorer: the samples are the least of its duties.
  async function saveSamples(path: string, reservoir: Reservoir): Promise<void> {
    try {
      await saveReservoir(path, reservoir)
    } catch (error) {
      log.error('samples.failed', { problem: (error as Error).message, remedy: 'they are kept in memory and saved later' })
    }
  }
}
