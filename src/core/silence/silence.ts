import type { Millis } from '../types.ts'
import type { LostTrait, Trait } from './traits.ts'

/** What is amiss with a log that can be read: its entries give no events, none come, or they have another shape than before. */
export type Silence = { why: 'no-event' | 'no-entry' | 'shape'; since: Millis; problem: string; remedy: string }

/** What is known of a log. `unread`: what came since the last event and gave none; `usualUntil`: until when no entry is nothing unusual. */
export type LogFacts = {
  log: string
  now: Millis
  heardAt: Millis | undefined
  unread: { bytes: number; pieces: number; since: Millis } | undefined
  usualUntil: Millis | undefined
  lost: readonly LostTrait[]
}

/** Fewer bytes and pieces that give no event are no more than a bad entry or two. */
const UNREAD_BYTES = 16 * 1024
const UNREAD_PIECES = 5
const UNREAD_FOR: Millis = 600_000

const TRAIT: Readonly<Record<Trait, string>> = {
  request: 'a request line',
  match: 'a rule that matched',
  score: 'a score of the rules or of the model',
}

/** Judges whether a log has fallen silent. What tells the most comes first: where nothing can be read, nothing else can be said. */
export function judgeSilence({ log, now, heardAt, unread, usualUntil, lost }: LogFacts): Silence | undefined {
  if (unread !== undefined && now - unread.since >= UNREAD_FOR && (unread.bytes >= UNREAD_BYTES || unread.pieces >= UNREAD_PIECES)) {
    const what = unread.pieces > 0 ? `${unread.pieces} pieces of the log` : `${Math.round(unread.bytes / 1024)} KiB of the log`
    return {
      why: 'no-event',
      since: unread.since,
      problem: `the log grows, but no event comes out: ${what} since ${minute(unread.since)} could not be read`,
      remedy: `modwarden parse ${log} | tail -n 3`,
    }
  }
  if (heardAt !== undefined && usualUntil !== undefined && now >= usualUntil) {
    return {
      why: 'no-entry',
      since: heardAt,
      problem: `no entry since ${minute(heardAt)}; at this time one was to be expected by ${minute(usualUntil)} at the latest`,
      remedy: 'modwarden doctor',
    }
  }
  const [first] = lost
  if (first === undefined) return undefined
  return {
    why: 'shape',
    since: first.since,
    problem: `none of ${first.events} entries since ${minute(first.since)} has ${TRAIT[first.trait]}; before, ${Math.floor(first.share * 100)} % had`,
    remedy: 'modwarden events --limit 5; an upgrade may have changed the rules or SecAuditLogParts',
  }
}

/** `2026-01-02 03:04 UTC`. */
function minute(at: Millis): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
