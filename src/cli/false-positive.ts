import type { Command } from 'commander'
import { widerNetworks } from '../core/bounds.ts'
import { createLocalOffset } from '../core/entry/time.ts'
import { riskOf } from '../core/health/tally.ts'
import { maskRequest } from '../core/mask.ts'
import { printable } from '../core/printable.ts'
import { stillBlocks } from '../core/remaining.ts'
import { sameTransaction } from '../core/same-transaction.ts'
import type { Settings } from '../core/settings.ts'
import { unblockedLine } from '../core/standing-lines.ts'
import type { AuditEvent, HttpRequest, Millis } from '../core/types.ts'
import { rereadEntry } from '../edge/reread-entry.ts'
import { addToStanding } from '../edge/standing-file.ts'
import type { ShownEvent } from '../edge/store/events.ts'
import { MOST_REQUEST_BYTES, TOO_LONG } from '../edge/store/false-positives.ts'
import { hourOf } from '../edge/store/scores.ts'
import type { Store } from '../edge/store/store.ts'
import { MOST_OF_AN_ADDRESS } from '../edge/store/threats.ts'
import { type Context, UsageError } from './context.ts'
import { iso, printJson } from './output.ts'

type Options = { undo?: true; json?: true }

/** More events at a time would mean reading the logs for minutes. */
const MOST_EVENTS = 1000

export function registerFalsePositive(program: Command, context: Context): void {
  program
    .command('false-positive')
    .argument('<event id...>', "as 'modwarden events' and 'modwarden explain' show them")
    .description('mark events as no attack: they no longer count, and the next training learns them as clean')
    .option('--undo', 'take the marks back')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', '\nExample:\n  modwarden false-positive 4711 4712')
    .action((ids: string[], options: Options) => falsePositive(context, ids, options))
}

async function falsePositive(context: Context, texts: readonly string[], options: Options): Promise<void> {
  const ids = readIds(texts)
  const settings = context.settings()
  const store = context.writer()
  try {
    const answers = options.undo ? undo(store, ids) : await mark(store, ids, settings)
    const lifted = answers.flatMap(answer => ('block' in answer && answer.block === 'lifted' ? unblockedLine(answer.ip) : []))
    addToStanding(settings.database, lifted)
    if (options.json) printJson(answers.map(answer => ({ ...answer, event: undefined })))
    else for (const answer of answers) process.stdout.write('learnable' in answer ? markText(answer) : undoText(answer))
  } finally {
    store.close()
  }
}

type Marked = Awaited<ReturnType<typeof mark>>[number]

/** Marks all events in one transaction, or none when one of them is not there. */
async function mark(store: Store, ids: readonly number[], settings: Settings) {
  const events = ids.map(id => known(store, id))
  const requests = new Map<number, { request: HttpRequest | undefined; problem: string }>()
  for (const event of events) if (store.falsePositives.of(event.id) === undefined) requests.set(event.id, await learn(event, settings))
  const now = Date.now()
  return store.transaction(() => {
    // While the log was read, the daemon may have dropped an old event.
    for (const id of ids) known(store, id)
    const fresh = events.filter(({ id }) => requests.has(id) && store.falsePositives.of(id) === undefined)
    for (const { id, score } of fresh)
      store.falsePositives.add({ eventId: id, markedAt: now, risk: riskOf(score, settings), ...requests.get(id)! })
    const ips = new Set(events.map(event => event.ip))
    const blocks = new Map([...ips].map(ip => [ip, settleBlock(store, ip, settings, now)]))
    return events.map(event => {
      const { problem, bytes, threat, marked_at } = store.falsePositives.of(event.id)!
      const { block, observed, other_threats } = blocks.get(event.ip)!
      const wider = store.blocks.among(widerNetworks(event.ip), now)
      return {
        event_id: event.id,
        ip: event.ip,
        score: event.score,
        marked_at: iso(marked_at),
        already_marked: !fresh.includes(event),
        was_threat: threat === 1,
        learnable: bytes > 0,
        problem: problem === '' ? null : problem,
        block,
        observed,
        other_threats,
        still_blocked_by: wider.map(({ ip }) => ip),
        next: block === 'stands' ? `modwarden unblock ${event.ip}` : null,
        event,
      }
    })
  })
}

function known(store: Store, id: number): ShownEvent {
  const event = store.events.byId(id)
  if (event === undefined) throw new Error(`there is no event ${id}; 'modwarden events' lists them; nothing was marked`)
  return event
}

/** Reads the entry of an event again for its request, masked; or says why nothing can be learnt from it. */
async function learn(event: ShownEvent, settings: Settings): Promise<{ request: HttpRequest | undefined; problem: string }> {
  const context = { localOffsetMinutes: createLocalOffset() }
  let found: AuditEvent | undefined
  const { log, inode, offset, length, at } = event
  const reread = await rereadEntry({ log, inode: BigInt(inode), offset, length, at }, settings, entry => {
    found = sameTransaction(entry, event, context)
    return found !== undefined
  })
  if (!reread.ok) return { request: undefined, problem: reread.problem }
  if (found?.request === undefined) return { request: undefined, problem: 'its entry holds no request' }
  // What is not kept need not be masked: the regular expressions of that give up at some megabytes.
  if (lengthOf(found.request) > MOST_REQUEST_BYTES) return { request: undefined, problem: TOO_LONG }
  return { request: maskRequest(found.request), problem: '' }
}

function lengthOf({ uri, headers, body = '' }: HttpRequest): number {
  return uri.length + body.length + headers.flat().reduce((sum, text) => sum + text.length, 0)
}

/** Ends the block of an address when the threats that are left would not have started it; a block by hand stands. */
function settleBlock(store: Store, ip: string, settings: Settings, now: Millis) {
  const standing = store.blocks.active(ip, now)
  const since = (standing?.blocked_at ?? now) - settings.countWindow
  const left = store.threats.of(ip, MOST_OF_AN_ADDRESS).filter(threat => threat.counted === 1 && threat.at > since)
  const other_threats = left.length
  if (standing === undefined) return { block: 'none' as const, observed: false, other_threats }
  const observed = standing.enforcement === 'observed'
  const evidence = left.map(({ score, intercepted }) => ({ score, intercepted: intercepted === 1 }))
  const isOurs = standing.reason !== 'manual' && standing.reason !== 'imported'
  if (!isOurs || stillBlocks(evidence, store.events.countHours(ip, hourOf(since), hourOf(now)), settings))
    return { block: 'stands' as const, observed, other_threats }
  store.blocks.release(ip, now, 'false-positive')
  return { block: 'lifted' as const, observed, other_threats }
}

function undo(store: Store, ids: readonly number[]) {
  return store.transaction(() => ids.map(id => ({ event_id: id, was_marked: store.falsePositives.remove(id) })))
}

function undoText({ event_id, was_marked }: ReturnType<typeof undo>[number]): string {
  return was_marked
    ? `event ${event_id} is no longer marked and counts as before; it blocks nobody by itself\n`
    : `event ${event_id} was not marked\n`
}

function markText(marked: Marked): string {
  const { event, already_marked, was_threat, learnable, problem, still_blocked_by: by, ip } = marked
  const what = `event ${event.id}, ${printable(event.method ?? '?')} ${printable(event.path ?? '(no request line in the log)', 100)} from ${event.address}`
  const lines = [
    `${what}: ${already_marked ? 'was marked already' : was_threat ? 'no longer a threat' : 'was no threat; marked all the same'}`,
    learnable ? '  the next training learns it as clean (systemctl start modwarden-train)' : `  nothing can be learnt from it: ${problem}`,
    ...blockLines(marked),
    ...(by.length > 0 ? [`  the block of ${by.join(', ')} still holds ${ip}: unblock that as well, or put ${ip} into the allowlist`] : []),
  ]
  return `${lines.join('\n')}\n`
}

function blockLines({ block, observed, other_threats, ip, next }: Marked): string[] {
  const [is, stays] = observed
    ? [`only observed: ${ip} would no longer be`, `only observed: ${ip} would stay`]
    : [`${ip} is no longer`, `${ip} stays`]
  if (block === 'lifted') return [`  ${is} blocked: what is left (threats: ${other_threats}) does not block it`]
  return block === 'none' ? [] : [`  ${stays} blocked (other threats: ${other_threats})${observed ? '' : `; to let it in: ${next}`}`]
}

function readIds(texts: readonly string[]): number[] {
  if (texts.length > MOST_EVENTS) throw new UsageError(`at most ${MOST_EVENTS} events at a time, got ${texts.length}`)
  const wrong = texts.find(text => !/^[1-9]\d{0,14}$/.test(text))
  if (wrong !== undefined)
    throw new UsageError(`an event id is a whole number as 'modwarden events' shows it, got '${printable(wrong, 80)}'`)
  return [...new Set(texts.map(Number))]
}
