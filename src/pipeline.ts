import { type Blocker, createBlocker, type NewBlock } from './blocking.ts'
import { type Brake, createBrake } from './brake.ts'
import { isCorroborated } from './core/brake.ts'
import { createFindClient, type FindClient } from './core/client.ts'
import { type ParseContext, parseEntry } from './core/entry/parse.ts'
import { tallyEvents } from './core/health/tally.ts'
import { sumInlineScoring } from './core/inline-scoring.ts'
import { addressKey } from './core/ip.ts'
import { outlineRequest } from './core/mask.ts'
import { explainRequest, type Model, scoreNotes, scoreRequest } from './core/model/model.ts'
import { type Decision, type Evidence, isThreat, judge, startsBlock } from './core/policy.ts'
import { printable } from './core/printable.ts'
import type { Settings } from './core/settings.ts'
import type { AuditEvent, Batch, Entry, Ip, Millis, Reason, Skipped } from './core/types.ts'
import type { Evicted } from './edge/store/blocks.ts'
import type { HeardEvent } from './edge/store/events.ts'
import { bandOf, hourOf } from './edge/store/scores.ts'
import type { Store } from './edge/store/store.ts'
import { MOST_OF_AN_ADDRESS } from './edge/store/threats.ts'
import { placeBlock } from './place-block.ts'
import { withoutRefusal } from './refusals.ts'

export type Pipeline = {
  store: Store
  model: () => Model
  settings: () => Settings
  /** Never counted and never blocked; takes an address or a prefix, and the time of its event. */
  isAllowed: (ip: string, at: Millis) => boolean
  clock: () => Millis
  /** The log is an old one: every entry is taken as seen at its own time. */
  isReplay?: boolean
  parseContext: ParseContext
}

export type Threat = { eventId: number; ip: string; score: number; count: number }

/** What a batch brought, for the journal and the status; true only once it is committed. `evicted`: blocks that made room; `held`: how many the
 *  brake held back. */
export type Handled = {
  parsed: number
  skipped: readonly Skipped[]
  threats: readonly Threat[]
  blocks: readonly NewBlock[]
  evicted: readonly Evicted[]
  held: number
  /** The events that no client can have forged, as signs of life of the log. */
  heard: readonly HeardEvent[]
}

/** Below this score of our own, it was the WAF or its inline scorer that made the event a threat. */
const WORTH_EXPLAINING = 3

/** An entry read and scored: all that happens before the database. */
type Reading = {
  entry: Entry
  event: AuditEvent
  at: Millis
  /** Whoever sent the request, behind what proxies ever, and the key under which it is counted. */
  address: Ip
  ip: string
  isProxied: boolean
  ownScore: number | undefined
  /** What holds the own score down, and what of the request was not there. */
  notes: readonly string[]
  /** What led to the own score, of what may become a threat. */
  reasons: readonly Reason[]
  score: number
  /** The event as it was logged, where some of it is no evidence. */
  logged?: AuditEvent
}

/** Turns a batch of entries into rows, all in one transaction with the position behind them: events, threats, blocks, what could not be read.
 *  Nothing an entry holds makes it throw; the database may (see isPassing), and then nothing of the batch is kept and it can be handed in again. */
export function handleBatch(batch: Batch, pipeline: Pipeline): Handled {
  const { store } = pipeline
  const { trustedProxies, clientIpHeader } = pipeline.settings()
  const findClient = createFindClient(trustedProxies, clientIpHeader)
  const read: Reading[] = []
  const skipped: Skipped[] = []
  for (const item of batch.items) {
    const reading = item.kind === 'skipped' ? item : readEntry(item, findClient, pipeline)
    if ('problem' in reading) skipped.push(reading)
    else read.push(reading)
  }
  return store.transaction(() => {
    const seenAt = pipeline.clock()
    const readings = read.map(reading => withoutRefusal(reading, store))
    for (const letter of skipped) store.deadLetters.add({ ...letter, seenAt })
    const activity = createActivity(store)
    const brake = createBrake({
      store,
      settings: pipeline.settings(),
      model: pipeline.model().version,
      now: seenAt,
      saveActivity: activity.save,
    })
    const blocker = createBlocker(store, { settings: pipeline.settings(), isAllowed: pipeline.isAllowed })
    const parts = { ...pipeline, activity, brake, blocker }
    const handled = readings.map(reading => handleReading(reading, parts, pipeline.isReplay ? reading.at : seenAt))
    const evicted = blocker.finish()
    activity.save()
    const threats = handled.flatMap(({ threat }) => threat ?? [])
    const blocks = handled.flatMap(({ blocks = [] }) => blocks)
    for (const ip of new Set(threats.filter(threat => threat.count > MOST_OF_AN_ADDRESS).map(threat => threat.ip))) store.threats.trim(ip)
    addScores(readings, store)
    const judged = readings.map((reading, index) => ({
      ...reading,
      threat: handled[index]!.threat !== undefined,
      trusted: reading.entry.trust === 'full',
    }))
    // Only what no client can have written tells how the web server is set, and that it is alive.
    const trusted = readings.filter(({ entry }) => entry.trust === 'full')
    const inline = sumInlineScoring(trusted)
    if (inline !== undefined) store.inlineScoring.note(batch.log, inline)
    store.modelCounts.add(pipeline.model().version, seenAt, tallyEvents(judged, pipeline.settings()))
    store.totals.add({
      parsed: readings.length,
      skipped: skipped.length,
      lostBytes: batch.lostBytes,
      threats: threats.length,
      blocks: blocks.filter(block => block.enforcement !== 'observed').length,
    })
    store.positions.save(batch.log, batch.files)
    return { parsed: readings.length, skipped, threats, blocks, evicted, held: brake.held(), heard: trusted.map(toHeard) }
  })
}

/** An entry that no parser foresaw must not stop the daemon: it would be met again at every start. */
function readEntry(entry: Entry, findClient: FindClient, pipeline: Pipeline): Reading | Skipped {
  const { log, inode, offset, length } = entry
  const skip = (problem: string): Skipped => ({ kind: 'skipped', log, inode, offset, length, problem })
  try {
    const parsed = parseEntry(entry, pipeline.parseContext)
    return parsed.ok ? readEvent(entry, parsed.value, findClient, pipeline) : skip(parsed.problem)
  } catch (error) {
    // Never its message, which may quote what a client sent.
    return skip(`reading it failed: ${error instanceof Error ? error.name : 'unknown error'}`)
  }
}

function readEvent(entry: Entry, event: AuditEvent, findClient: FindClient, { model, settings, clock }: Pipeline): Reading {
  const own = event.request === undefined ? undefined : scoreRequest(model(), event.request)
  const score = Math.max(own?.score ?? 0, event.loggedScore ?? 0)
  // What the model finds ordinary, it has nothing to explain about.
  const isToExplain =
    own !== undefined && own.score >= WORTH_EXPLAINING && mayCount(entry, { score, intercepted: event.intercepted }, settings())
  const client = findClient(event.ip, event.request?.headers ?? [])
  return {
    entry,
    event,
    // A time in the future counts as now, or an entry could outlive its window.
    at: Math.min(event.at, clock()),
    address: client.ip,
    ip: addressKey(client.ip, settings().ipv6Prefix),
    isProxied: client.isProxied,
    ownScore: own?.score,
    notes: own === undefined ? [] : scoreNotes(own),
    // At once: the model remembers how it measured the latest request.
    reasons: isToExplain ? explainRequest(model(), event.request!) : [],
    score,
  }
}

function handleReading(
  reading: Reading,
  pipeline: Pipeline & { activity: Activity; brake: Brake; blocker: Blocker },
  seenAt: Millis,
): { threat?: Threat; blocks?: readonly NewBlock[] } {
  const { store } = pipeline
  const settings = pipeline.settings()
  const { entry, event, at, ip, isProxied, score } = reading
  if (entry.trust === 'full') pipeline.activity.add(ip, at)
  const counts = mayCount(entry, { score, intercepted: event.intercepted }, settings) && !pipeline.isAllowed(ip, at)
  const eventId = store.events.add(toRow(reading, seenAt, counts))
  if (!counts) return {}

  store.threats.add({ eventId, ip, at, score, intercepted: event.intercepted, ...explanation(reading, pipeline.model()) })
  const since = at - settings.countWindow
  const { threats, denied } = store.threats.countSince(ip, since)
  const threat: Threat = { eventId, ip, score, count: threats }
  const decision = decide({ score, intercepted: event.intercepted }, { threats, denied }, settings, () =>
    store.events.hasMore(ip, since, settings.busyAfter) ? pipeline.activity.countBetween(ip, since, at) : 0,
  )
  if (decision.action === 'watch' || !startsBlock(at, seenAt, settings)) return { threat }
  const rules = event.matches.map(match => match.id).slice(0, 50)
  const blocks = placeBlock(
    {
      ip,
      reason: decision.reason,
      score,
      threatCount: threats,
      eventId,
      rules,
      isProxied,
      isCorroborated: isCorroborated({ ...event, score }, settings),
    },
    seenAt,
    pipeline,
  )
  return { threat, blocks }
}

/** A threat, whoever sent it. */
function mayCount({ trust }: Entry, evidence: Evidence, settings: Settings): boolean {
  return trust === 'full' && isThreat(evidence, settings)
}

/** Judges a threat; how busy the address is matters only for what would be blocked, so only then it is counted. */
function decide(
  evidence: Evidence,
  { threats, denied }: { threats: number; denied: number },
  settings: Settings,
  countEvents: () => number,
): Decision {
  const decision = judge(evidence, { threats, denied, events: 0 }, settings)
  return decision.action === 'watch' ? decision : judge(evidence, { threats, denied, events: countEvents() }, settings)
}

function toHeard({ at, event }: Reading): HeardEvent {
  const { request, matches, inboundScore, loggedScore } = event
  return { at, request: request !== undefined, match: matches.length > 0, score: (inboundScore ?? loggedScore) !== undefined }
}

function toRow({ entry, event, logged = event, at, address, ip, ownScore, score }: Reading, seenAt: Millis, threat: boolean) {
  const outline = event.request === undefined ? undefined : outlineRequest(event.request)
  return {
    at,
    seenAt,
    ip,
    address,
    port: event.port,
    method: event.request?.method.slice(0, 32),
    host: outline?.host,
    path: outline?.path,
    argumentNames: outline?.argumentNames,
    status: event.status,
    rules: event.matches.map(match => match.id).slice(0, 100),
    inboundScore: event.inboundScore,
    loggedScore: logged.loggedScore,
    ownScore,
    score,
    intercepted: logged.intercepted,
    threat,
    trust: entry.trust,
    transactionId: event.id.slice(0, 64),
    log: entry.log,
    inode: entry.inode,
    offset: entry.offset,
    length: entry.length,
  }
}

/** Why it is a threat, as text to keep: rule messages come from the rule set, reasons from the model, which masks the pieces that it shows. */
function explanation({ event, notes, reasons }: Reading, model: Model): { model: string; matches: string; reasons: string } {
  const matches = event.matches
    .slice(0, 20)
    .map(({ id, message, severity }) => ({ id, message: printable(message, 128), severity: printable(severity, 16) }))
  const told = notes.map(note => ({ feature: note, where: '', value: '', surprise: 0 }))
  return { model: model.version, matches: JSON.stringify(matches), reasons: JSON.stringify([...reasons, ...told]) }
}

type Activity = ReturnType<typeof createActivity>

/** Counts the events of each address as they come; the rows are written once a batch. */
function createActivity(store: Store) {
  const fresh = new Map<string, Map<number, number>>()
  return {
    add(ip: string, at: Millis): void {
      const hours = fresh.get(ip) ?? new Map<number, number>()
      fresh.set(ip, hours.set(hourOf(at), (hours.get(hourOf(at)) ?? 0) + 1))
    },
    countBetween(ip: string, from: Millis, to: Millis): number {
      const [first, last] = [hourOf(from), hourOf(to)]
      const unsaved = [...(fresh.get(ip) ?? [])].filter(([hour]) => hour >= first).reduce((sum, [, events]) => sum + events, 0)
      return store.events.countHours(ip, first, last) + unsaved
    },
    save(): void {
      for (const [ip, hours] of fresh) for (const [hour, events] of hours) store.events.addActivity(ip, hour, events)
      fresh.clear()
    },
  }
}

function addScores(readings: readonly Reading[], store: Store): void {
  const counts = new Map<number, { hour: number; band: number; events: number; intercepted: number }>()
  for (const { at, score, event } of readings) {
    const key = hourOf(at) * 10 + bandOf(score)
    const found = counts.get(key) ?? { hour: hourOf(at), band: bandOf(score), events: 0, intercepted: 0 }
    found.events++
    if (event.intercepted) found.intercepted++
    counts.set(key, found)
  }
  for (const row of counts.values()) store.scores.add(row)
}
