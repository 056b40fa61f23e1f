import { formatDuration } from '../duration.ts'
import { printable } from '../printable.ts'

/** The fields of an event in the journal. */
export type Fields = Readonly<Record<string, unknown>>

/** What somebody may want to be told of (setting `notify.on`). */
export const KINDS = ['block', 'repair', 'degraded', 'brake', 'model'] as const
export type Kind = (typeof KINDS)[number]

/** How one event of the journal is told. `once`: lines for which it gives the same text are one and the same occurrence, told again. */
type Notice = { kind: Kind; text: (fields: Fields) => string; once?: (fields: Fields) => string }

const STATUS = 'modwarden status'

/** Which events of the journal are told, as what, and in which words: what happened, since when, what to do. */
export const NOTICES: Readonly<Record<string, Notice>> = {
  'address.blocked': { kind: 'block', text: blockText },
  'addresses.blocked': {
    kind: 'block',
    text: ({ number }) => `${say(number)} more addresses were blocked within a second. To do: look at 'modwarden blocks'`,
  },
  'firewall.repaired': {
    kind: 'repair',
    text: ({ drift }) =>
      `somebody else changed the firewall, and it was put right (${say(drift)}). To do: find out who flushes or reloads the firewall`,
  },
  'firewall.failed': failing('the firewall cannot be changed', 'Standing blocks stay, new ones wait and are tried again', STATUS),
  'firewall.recovered': recovered('the firewall takes changes again'),
  'log.failed': failing('an audit log cannot be followed', 'Nothing that is written to it is seen', STATUS),
  'log.recovered': recovered('an audit log is followed again'),
  'log.silent': {
    kind: 'degraded',
    text: ({ log, problem, remedy }) => `${say(log)}: ${say(problem, 300)}. To do: ${say(remedy, 300)}`,
    once: ({ log, why, since }) => `${log} ${why} ${since}`,
  },
  'log.heard': {
    kind: 'degraded',
    text: ({ log, after_seconds }) => `${say(log)} is heard of again, after ${formatDuration(Number(after_seconds) * 1000)}`,
  },
  'database.failed': failing('the database takes nothing', 'The log waits and nothing of it is lost, but nobody new is blocked', STATUS),
  'database.recovered': recovered('the database works again'),
  'denied_file.failed': failing('the file of refused clients cannot be written', 'Who is blocked behind a proxy is not refused', STATUS),
  'denied_file.recovered': recovered('the file of refused clients is written again'),
  'database.set-aside': {
    kind: 'degraded',
    text: ({ problem, kept_as }) =>
      `the database was damaged (${say(problem)}) and was set aside as ${say(kept_as)}; standing blocks were kept. To do: look at the disk`,
  },
  'brake.engaged': {
    kind: 'brake',
    text: ({ paused_at, addresses, clients, usual, model }) =>
      `automatic blocking is paused since ${time(paused_at)}: the model or the rules alone would have blocked ${say(addresses)} of ${say(clients)} ` +
      `addresses within an hour, usual are at most ${say(usual)} (model ${say(model)}). Standing blocks stay. To do: look at 'modwarden blocks', ` +
      `roll the model or the rules back, then (or if all is right) 'modwarden resume'`,
    once: ({ paused_at }) => String(paused_at),
  },
  'brake.released': {
    kind: 'brake',
    text: ({ armed_at }) => `somebody resumed automatic blocking; nothing pauses it before ${time(armed_at)}`,
  },
  'model.refused': {
    kind: 'model',
    text: ({ problem, kept }) => `a trained model was refused: ${say(problem)}. ${say(kept)} scores on. To do: 'modwarden train' again`,
    once: ({ problem }) => String(problem),
  },
  'model.judged': {
    kind: 'model',
    text: ({ model_status, drifted, reason }) =>
      model_status === 'normal' && drifted !== true
        ? `the model fits the traffic again: ${say(reason)}`
        : `the model does not fit the traffic (${say(model_status).replaceAll('_', ' ')}${drifted === true ? ', drifted' : ''}): ${say(reason)}. ` +
          `To do: 'modwarden report' says what`,
  },
}

/** Says of which kind an event of the journal is; undefined for one that nobody is told of. */
export function kindOf(event: string): Kind | undefined {
  return Object.hasOwn(NOTICES, event) ? NOTICES[event]!.kind : undefined
}

/** Gives what tells one occurrence of an event from the next; undefined where each line is one. */
export function occurrenceOf(event: string, fields: Fields): string | undefined {
  return NOTICES[event]?.once?.(fields)
}

/** Says in one line of printable ASCII what happened. */
export function noticeText(event: string, fields: Fields): string {
  const text = Object.hasOwn(NOTICES, event) ? NOTICES[event]!.text(fields) : `${say(event)} happened; journalctl -u modwarden tells it`
  return printable(text, 1000)
}

/** Writes a value from a journal line so that it can neither break the line nor address or mark up anything where the text is shown. */
export function say(value: unknown, limit = 200): string {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : value === undefined ? '?' : JSON.stringify(value)
  return printable(text, limit).replace(/[<>&@`]/g, '?')
}

/** Writes an instant of a journal line, `2026-01-02 03:04 UTC`. */
export function time(iso: unknown): string {
  const [, day, minute] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d/.exec(String(iso)) ?? []
  return day === undefined ? 'an unknown time' : `${day} ${minute} UTC`
}

function blockText({ ip, reason, score, threat_count, rules, step, expires_at, proxied, note }: Fields): string {
  const reasons: Readonly<Record<string, string>> = {
    'high-score': `one request scored ${say(score)} of 10`,
    repeated: `it went on after ${say(threat_count)} threats, the last scored ${say(score)} of 10`,
    'too-many': `it made ${say(threat_count)} threats`,
  }
  const why = reasons[String(reason)] ?? say(reason)
  const ids = Array.isArray(rules) ? rules.filter(rule => /^\d{1,10}$/.test(String(rule))).slice(0, 5) : []
  const matched = ids.length > 0 ? `, rules ${ids.join(' ')}` : ''
  const again = Number(step) > 1 ? `, for the ${say(step)}. time` : ''
  const how = proxied === true ? ' (it comes through a proxy: the scoring server refuses it)' : ''
  const end = expires_at === null ? 'for ever' : `until ${time(expires_at)}`
  const more = note === undefined ? '' : `, ${say(note)}`
  return `${say(ip)} is blocked ${end}${again}${how}: ${why}${matched}${more}. Why: 'modwarden explain ${say(ip)}'. No attack? 'modwarden unblock ${say(ip)}'`
}

function failing(what: string, consequence: string, command: string): Notice {
  return {
    kind: 'degraded',
    text: ({ problem, since }) => `${what} since ${time(since)}: ${say(problem, 300)}. ${consequence}. To do: look at '${command}'`,
    once: ({ since, about }) => `${since} ${about}`,
  }
}

function recovered(what: string): Notice {
  return {
    kind: 'degraded',
    text: ({ about, after_seconds }) =>
      `${what}${about === undefined ? '' : ` (${say(about)})`}, after ${formatDuration(Number(after_seconds) * 1000)}`,
  }
}
