import * as v from 'valibot'
import { tooWide } from './bounds.ts'
import { parseNetwork } from './ip.ts'
import type { Block, BlockReason, Enforcement, Millis } from './types.ts'

/** What the database needs to take a block over as it was. */
export type StandingBlock = Block & { note: string; origin: string; isCorroborated: boolean }

/** What was allowed while the program ran; Infinity never ends. */
export type StandingAllow = { network: string; reason: string; addedAt: Millis; expiresAt: Millis }

/** What the standing file says. `leftOut`: why how many lines are not taken; `known`: every address that it names, those left out included. */
export type Standing = {
  blocks: StandingBlock[]
  allow: StandingAllow[]
  leftOut: Readonly<Record<'malformed' | 'expired' | 'allowed' | 'beyond_limit', number>>
  known: ReadonlySet<string>
}

/** A line of the file has no more bytes than this. */
export const MOST_STANDING_LINE = 8192
/** A note that is longer is cut: the file is for an emergency. */
const MOST_NOTE = 500
/** More allowed networks than this were not written by people. */
const MOST_ALLOWED = 100_000
/** The last instant that can be written down as a date. */
const LATEST: Millis = 8.64e15

const REASONS = ['high-score', 'repeated', 'too-many', 'manual', 'imported'] as const satisfies readonly BlockReason[]
const ENFORCEMENTS = ['firewall', 'proxied', 'observed'] as const satisfies readonly Enforcement[]

const Text = v.pipe(v.string(), v.maxLength(MOST_NOTE))
const Whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const Instant = v.pipe(Whole, v.maxValue(LATEST))
const Network = v.pipe(v.string(), v.check(isCanonical))
const BlockLine = v.object({
  ip: v.pipe(
    Network,
    v.check(ip => tooWide(ip) === undefined),
  ),
  reason: v.picklist(REASONS),
  score: v.pipe(v.number(), v.minValue(0), v.maxValue(10)),
  threat_count: Whole,
  blocked_at: Instant,
  expires_at: v.nullable(Instant),
  enforcement: v.picklist(ENFORCEMENTS),
  step: v.pipe(Whole, v.minValue(1)),
  corroborated: v.boolean(),
  origin: Text,
  note: Text,
})
const AllowLine = v.object({ network: Network, reason: Text, added_at: Instant, expires_at: v.nullable(Instant) })
/** What a command ended after the file was written. */
const EndedLine = v.union([v.object({ unblocked: Network }), v.object({ disallowed: Network })])

/** Writes a block as a line of the standing file, without the end of the line. */
export function blockLine(block: StandingBlock): string {
  return JSON.stringify({
    ip: block.ip,
    reason: block.reason,
    score: block.score,
    threat_count: block.threatCount,
    blocked_at: block.blockedAt,
    expires_at: endOf(block.expiresAt),
    enforcement: block.enforcement,
    step: block.step,
    corroborated: block.isCorroborated,
    origin: block.origin.slice(0, MOST_NOTE),
    note: block.note.slice(0, MOST_NOTE),
  })
}

/** Writes an allowed network as a line of the standing file. */
export function allowLine({ network, reason, addedAt, expiresAt }: StandingAllow): string {
  return JSON.stringify({ network, reason: reason.slice(0, MOST_NOTE), added_at: addedAt, expires_at: endOf(expiresAt) })
}

/** Writes that a block was ended as a line of the standing file. */
export function unblockedLine(ip: string): string {
  return JSON.stringify({ unblocked: ip })
}

/** Writes that a network is allowed no longer as a line of the standing file. */
export function disallowedLine(network: string): string {
  return JSON.stringify({ disallowed: network })
}

/** Makes the reader of the lines of a standing file: it is input like any other. Of two lines about the same the later one counts. `finish` leaves out
 *  the blocks of what is allowed by then, and those with the least time left beyond `maxBlocks` of an enforcement. */
export function createStandingReader(now: Millis) {
  const blocks = new Map<string, StandingBlock>()
  const allow = new Map<string, StandingAllow>()
  const known = new Set<string>()
  const leftOut = { malformed: 0, expired: 0, allowed: 0, beyond_limit: 0 }

  function takeBlock(line: v.InferOutput<typeof BlockLine>): void {
    const { ip, expires_at } = line
    known.add(ip)
    if (expires_at !== null && expires_at <= now) leftOut.expired += 1
    else blocks.set(ip, toBlock(line))
  }

  function takeAllow({ network, reason, added_at, expires_at }: v.InferOutput<typeof AllowLine>): void {
    if (expires_at !== null && expires_at <= now) leftOut.expired += 1
    else if (allow.size >= MOST_ALLOWED) leftOut.beyond_limit += 1
    else allow.set(network, { network, reason, addedAt: added_at, expiresAt: expires_at ?? Number.POSITIVE_INFINITY })
  }

  function takeEnded(line: v.InferOutput<typeof EndedLine>): void {
    if ('disallowed' in line) allow.delete(line.disallowed)
    else {
      known.add(line.unblocked)
      blocks.delete(line.unblocked)
    }
  }

  return {
    /** Takes a line; undefined stands for one that was too long, and an empty one says nothing. */
    take(text: string | undefined): void {
      if (text === '') return
      const value = parsed(text)
      // A boot waits for this.
      const block = v.safeParse(BlockLine, value, { abortEarly: true })
      const allowed = block.success ? undefined : v.safeParse(AllowLine, value)
      if (block.success) takeBlock(block.output)
      else if (allowed?.success) takeAllow(allowed.output)
      else {
        const ended = v.safeParse(EndedLine, value)
        if (ended.success) takeEnded(ended.output)
        else leftOut.malformed += 1
      }
    },
    allow: (): StandingAllow[] => [...allow.values()],
    finish({ isAllowed, maxBlocks }: { isAllowed: (ip: string) => boolean; maxBlocks: number }): Standing {
      const free = [...blocks.values()].filter(({ ip }) => !isAllowed(ip))
      const kept = ENFORCEMENTS.flatMap(one => longest(free, one).slice(0, maxBlocks))
      const counts = { allowed: blocks.size - free.length, beyond_limit: leftOut.beyond_limit + free.length - kept.length }
      return { blocks: kept, allow: [...allow.values()], leftOut: { ...leftOut, ...counts }, known }
    },
  }
}

// Field by field: a boot waits for a hundred thousand of them, and a rest pattern costs a quarter of a second.
function toBlock(line: v.InferOutput<typeof BlockLine>): StandingBlock {
  return {
    ip: line.ip,
    reason: line.reason,
    score: line.score,
    threatCount: line.threat_count,
    blockedAt: line.blocked_at,
    expiresAt: line.expires_at ?? Number.POSITIVE_INFINITY,
    enforcement: line.enforcement,
    step: line.step,
    isCorroborated: line.corroborated,
    origin: line.origin,
    note: line.note,
  }
}

function longest(blocks: readonly StandingBlock[], enforcement: Enforcement): StandingBlock[] {
  const ofIt = blocks.filter(block => block.enforcement === enforcement)
  // Infinity less Infinity is no number.
  return ofIt.sort((a, b) => (a.expiresAt === b.expiresAt ? 0 : b.expiresAt - a.expiresAt))
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

function isCanonical(text: string): boolean {
  const network = parseNetwork(text)
  return network.ok && network.value === text
}

function endOf(expiresAt: Millis): Millis | null {
  return Number.isFinite(expiresAt) ? expiresAt : null
}
