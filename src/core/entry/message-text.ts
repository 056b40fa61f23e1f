import type { HttpRequest, RuleMatch } from '../types.ts'
import { severityWord } from './severity.ts'

/** Tells whether a client may have written a rule id into a message. */
export type IsClientText = (id: string) => boolean

const BEGIN = '[file "'
const IDENTITY = /^\[file "[^"]*"\] \[line "\d{1,9}"\] \[id "(\d{1,18})"\]/
const FIELD = / \[(rev|msg|data|severity) "((?:[^"\\]|\\.)*)"\]/y
/** ModSecurity 2 cuts a message at this many bytes. */
const CUT = 1023
/** No engine writes longer fields; a regular expression would give up at some megabytes. */
const LONGEST_FIELDS = 64 * 1024

/** Reads the text that ModSecurity 2 or Coraza writes for a match, undefined when it names no rule. The name of an argument stands
 *  unescaped before `[file`, everything behind it is escaped: the last `[file` is the rule's own. Only in a text that was cut may the true one be
 *  missing behind a long name; then the id counts only if the client did not send it. */
export function readMessage(text: string, isClientText: IsClientText): RuleMatch | undefined {
  const at = text.lastIndexOf(BEGIN)
  const fields = at < 0 ? '' : text.slice(at, at + LONGEST_FIELDS)
  const identity = IDENTITY.exec(fields)
  if (!identity) return undefined
  const id = identity[1]!
  if (text.length >= CUT && isClientText(id)) return undefined
  return readFields(fields, identity[0].length, id)
}

/** Reads a match from the fields behind `[id "…"]`, in their fixed order; `from` is where they begin. */
function readFields(fields: string, from: number, id: string): RuleMatch {
  const match = { id, message: '', data: '', severity: '' }
  FIELD.lastIndex = from
  for (let found = FIELD.exec(fields); found; found = FIELD.exec(fields)) {
    const [, name, value = ''] = found
    if (name === 'msg') match.message = unescaped(value)
    if (name === 'data') match.data = unescaped(value)
    if (name === 'severity') match.severity = severityWord(value)
  }
  return match
}

/** Reads the line of part H that libmodsecurity 3 writes for a match. `tail` is what it writes behind the fields for this transaction: a path
 *  stands in it unescaped, as does a variable's name before `[file`. Without that tail only a line with one `[file` is clear. */
export function readNativeV3Line(line: string, tail: string): RuleMatch | undefined {
  const first = line.indexOf(BEGIN)
  const last = line.lastIndexOf(BEGIN)
  if (first === last) return readMessage(line, () => false)
  const end = line.lastIndexOf(tail)
  return end < 0 ? undefined : readMessage(line.slice(0, end), () => false)
}

/** Makes the test whether an id occurs in what a client sent, in any of the ways in which an argument's name can be written.
 *  `unseen`: the client sent a body that the log lacks, so it may have written anything. */
export function createIsClientText(request: HttpRequest | undefined, unseen: boolean): IsClientText {
  let sent: string | undefined
  return id => {
    if (unseen || request === undefined) return true
    sent ??= withDecoded([request.uri, ...request.headers.flat(), request.body ?? ''].join('\n'))
    return sent.includes(id)
  }
}

function withDecoded(text: string): string {
  const character = (_: string, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))
  const once = text.replace(/%([0-9a-f]{2})/gi, character)
  return [text, once, once.replace(/(?:\\|%)u([0-9a-f]{4})/gi, character)].join('\n')
}

function unescaped(value: string): string {
  if (!value.includes('\\')) return value
  return value.replace(/\\(?:x([0-9a-f]{2})|(["\\]))/g, (_, hex: string | undefined, plain: string) =>
    hex === undefined ? plain : String.fromCharCode(Number.parseInt(hex, 16)),
  )
}
