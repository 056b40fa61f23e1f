import type { Command } from 'commander'
import { widerNetworks } from '../core/bounds.ts'
import { formatDuration } from '../core/duration.ts'
import { createNetworkSet } from '../core/ip.ts'
import { isThreat } from '../core/policy.ts'
import { printable } from '../core/printable.ts'
import type { Settings } from '../core/settings.ts'
import type { Millis, Reason } from '../core/types.ts'
import type { ShownBlock } from '../edge/store/blocks.ts'
import type { ShownEvent } from '../edge/store/events.ts'
import { hourOf } from '../edge/store/scores.ts'
import type { Store } from '../edge/store/store.ts'
import type { ShownThreat } from '../edge/store/threats.ts'
import { blockJson } from './blocks.ts'
import { type Context, withStore } from './context.ts'
import { addressOption, countedKey, eventJson } from './events.ts'
import { iso, printJson, relative } from './output.ts'

const MOST = 20

export function registerExplain(program: Command, context: Context): void {
  program
    .command('explain')
    .argument('<address or event id>')
    .description('why: the entries, rules, scores with what led to them, counts, decision')
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  modwarden explain 203.0.113.7')
    .action((what: string, options: { json?: true }) => {
      const settings = context.settings()
      withStore(context.reader(), store => {
        const found = /^\d+$/.test(what)
          ? ofEvent(store, Number(what))
          : ofAddress(store, countedKey(addressOption(what), settings), settings)
        if (options.json) printJson([found])
        else process.stdout.write('events_in_window' in found ? addressText(found, Date.now()) : eventText(found, settings))
      })
    })
}

function ofEvent(store: Store, id: number) {
  const event = store.events.byId(id)
  if (event === undefined) throw new Error(`there is no event ${id}; 'modwarden events' lists them`)
  return { event: eventJson(event), threat: threatJson(store.threats.ofEvent(id)) }
}

function ofAddress(store: Store, ip: string, settings: Settings) {
  const now = Date.now()
  const since = now - settings.countWindow
  const counts = store.threats.countSince(ip, since)
  const blocks = store.blocks.of(ip, MOST)
  return {
    ip,
    block: blocks.filter(block => block.released_at === null).map(block => blockJson(block, now))[0] ?? null,
    held_by: store.blocks.among(widerNetworks(ip), now).map(block => blockJson(block, now)),
    history: blocks.filter(block => block.released_at !== null).map(block => blockJson(block, now)),
    decision: decisionText(blocks[0], settings) + witnessText(blocks[0]) + stepText(blocks[0], settings),
    allowed: allowedBy(store, ip, settings, now),
    threats_in_window: counts.threats,
    denied_in_window: counts.denied,
    events_in_window: store.events.countHours(ip, hourOf(since), hourOf(now)),
    threats: store.threats.of(ip, MOST).map(threat => ({ ...threatJson(threat), event: eventOrNull(store.events.byId(threat.event_id)) })),
  }
}

function eventOrNull(event: ShownEvent | undefined) {
  return event === undefined ? null : eventJson(event)
}

function threatJson(threat: ShownThreat | undefined) {
  if (threat === undefined) return null
  return {
    event_id: threat.event_id,
    at: iso(threat.at),
    score: threat.score,
    intercepted: threat.intercepted === 1,
    counted: threat.counted === 1,
    model: threat.model,
    matches: JSON.parse(threat.matches) as { id: string; message: string; severity: string }[],
    reasons: JSON.parse(threat.reasons) as Reason[],
  }
}

function decisionText(block: ShownBlock | undefined, settings: Settings): string {
  const text = reasonText(block, settings)
  if (!block?.note.startsWith('subnet: ') || block.reason === 'manual' || block.reason === 'imported') return text
  return `${block.note}, more than subnet_count ${settings.subnetCount}; the last one ${text}`
}

function reasonText(block: ShownBlock | undefined, settings: Settings): string {
  switch (block?.reason) {
    case 'high-score':
      return `blocked at once: one request scored ${block.score.toFixed(2)}, above block_score ${settings.blockScore}`
    case 'repeated':
      return `blocked for repeated threats: ${block.threat_count} in the window, more than repeat_count ${settings.repeatCount}, and the last scored ${block.score.toFixed(2)}, above repeat_score ${settings.repeatScore}`
    case 'too-many':
      return `blocked for too many threats: ${block.threat_count} in the window, more than max_count ${settings.maxCount}`
    case 'manual':
      return `blocked by hand${block.note === '' ? '' : `: ${block.note}`}`
    case 'imported':
      return `taken over from ${block.origin === '' ? 'elsewhere' : `the list ${block.origin}`}${block.note === '' ? '' : `: ${block.note}`}`
    default:
      return `never blocked: it takes one score above ${settings.blockScore}, more than ${settings.repeatCount} threats and a score above ${settings.repeatScore}, or more than ${settings.maxCount} threats`
  }
}

function witnessText(block: ShownBlock | undefined): string {
  if (block === undefined || block.reason === 'manual' || block.reason === 'imported') return ''
  return block.corroborated === 1 ? "; the WAF's own rules agree" : '; on the word of the model or of the rules alone'
}

/** What allows an address: the setting, or what of `modwarden allow`. */
function allowedBy(store: Store, ip: string, { allowlist }: Settings, now: Millis) {
  const holds = (network: string) => createNetworkSet([network])(ip)
  const setting = allowlist.find(holds)
  if (setting !== undefined) return { network: setting, reason: 'setting allowlist', expires_at: null }
  const row = store.allow.standing(now).find(({ network }) => holds(network))
  return row === undefined ? null : { network: row.network, reason: row.reason, expires_at: iso(row.expires_at) }
}

function stepText(block: ShownBlock | undefined, { blockMemory }: Settings): string {
  if (block === undefined || block.step === 1) return ''
  const within = Number.isFinite(blockMemory) ? ` within ${formatDuration(blockMemory)}` : ''
  const length = block.expires_at === null ? 'for ever' : formatDuration(block.expires_at - block.blocked_at)
  return `; block number ${block.step}${within}, so it lasts ${length}`
}

function addressText(found: ReturnType<typeof ofAddress>, now: Millis): string {
  const { block, history } = found
  const stands =
    block === null
      ? 'not blocked'
      : `${block.observed ? 'NOT blocked, only observed: would be blocked' : 'blocked'} since ${block.blocked_at}${block.proxied ? ' (proxied: the scoring server refuses it, no packet can be dropped)' : ''}, ends ${relative(block.expires_at === null ? null : Date.parse(block.expires_at), now)}`
  const allowed = found.allowed === null ? [] : [`  allowed by ${found.allowed.network} (${found.allowed.reason || 'no reason given'})`]
  const lines = [
    `${found.ip}: ${stands}`,
    ...found.held_by.map(wider => `  dropped by the block of ${wider.ip} (${wider.reason}${wider.note === '' ? '' : `: ${wider.note}`})`),
    ...allowed,
    `  ${tenseOf(found)}${found.decision}`,
    `  in the window: ${found.threats_in_window} threats (${found.denied_in_window} denied by the WAF) in ${found.events_in_window} requests`,
    ...history.map(
      past =>
        `  earlier block${past.observed ? ', only observed' : ''}: ${past.reason}, ${past.blocked_at} to ${past.released_at} (${past.released_by})`,
    ),
    ...(found.threats.length === 0 ? ['  no threats kept'] : [`  the last ${found.threats.length} threats, newest first:`]),
    ...found.threats.flatMap(threat => threatLines(threat, threat.event)),
  ]
  return `${lines.join('\n')}\n`
}

/** A block that is over, or only observed, must not read as one that stands. */
function tenseOf({ block, history }: Pick<ReturnType<typeof ofAddress>, 'block' | 'history'>): string {
  if (block !== null) return block.observed ? 'only observed: ' : ''
  const last = history[0]
  return last === undefined ? '' : last.observed ? 'last time, only observed: ' : 'last time: '
}

function eventText({ event, threat }: ReturnType<typeof ofEvent>, settings: Settings): string {
  const lines = [
    `event ${event.id}: ${requestText(event)} from ${event.address} at ${event.at}`,
    ...scoreLines(event),
    ...(event.false_positive ? ['  marked as a false positive: it does not count'] : []),
    ...(threat === null ? [`  ${withoutThreat(event, settings)}`] : threatLines(threat, null)),
  ]
  return `${lines.join('\n')}\n`
}

/** Says of an event for which no threat is kept why there is none. */
function withoutThreat(event: ReturnType<typeof eventJson>, settings: Settings): string {
  if (event.threat) return 'a threat; why is no longer kept'
  if (event.trust === 'low') return 'no threat: a client may have written this entry'
  return isThreat(event, settings) ? 'no threat: its address was allowed, or the settings were others' : 'no threat'
}

type ThreatJson = NonNullable<ReturnType<typeof threatJson>>

function threatLines(threat: Partial<ThreatJson>, event: ReturnType<typeof eventJson> | null): string[] {
  return [
    `  ${threat.at}  event ${threat.event_id}  score ${threat.score?.toFixed(2)}${threat.intercepted ? '  denied by the WAF' : ''}${threat.counted ? '' : event?.false_positive ? '  (marked as a false positive)' : '  (no longer counted)'}`,
    ...(event === null
      ? []
      : [
          `    ${requestText(event)}`,
          `    entry: ${printable(event.log)} at byte ${event.offset}, ${event.length} bytes; transaction ${printable(event.transaction_id)}`,
          ...scoreLines(event),
        ]),
    ...(threat.matches ?? []).map(match => `    rule ${match.id}: ${match.message || 'no message'}`),
    ...(threat.reasons ?? []).map(reason =>
      reason.where === ''
        ? `    ${reason.feature}`
        : `    ${reason.feature}, ${reason.where}${reason.value === '' ? '' : `: ${printable(reason.value)}`} (surprise ${reason.surprise.toFixed(1)})`,
    ),
    `    model ${threat.model}`,
  ]
}

function requestText(event: ReturnType<typeof eventJson>): string {
  const names = event.argument_names ? `, arguments ${printable(event.argument_names)}` : ''
  return `${printable(event.method ?? '?')} ${printable(event.path ?? '(no request line in the log)')} on ${printable(event.host || '(no host)')}${names}, answered ${event.status ?? '?'}`
}

function scoreLines(event: ReturnType<typeof eventJson>): string[] {
  const own = event.own_score === null ? 'not scored (no request in the log)' : event.own_score.toFixed(2)
  const inline = event.logged_score === null ? 'none' : event.logged_score.toFixed(2)
  return [`    own score ${own}, logged score ${inline}, CRS inbound score ${event.inbound_score ?? 'none'}`]
}
