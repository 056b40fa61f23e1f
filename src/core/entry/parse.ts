import type { AuditEvent, Format, Result } from '../types.ts'
import { parseJsonCoraza } from './json-coraza.ts'
import { parseJsonV2 } from './json-v2.ts'
import { parseJsonV3 } from './json-v3.ts'
import { parseNative } from './native.ts'
import type { LocalOffset } from './time.ts'

/** What a parser must be told about the machine that wrote the log: three formats log local time without a zone. */
export type ParseContext = { localOffsetMinutes: LocalOffset }

/** Parses one whole entry into an event; the text has one character a byte. A problem never quotes the entry. */
export function parseEntry({ text, format }: { text: string; format: Format }, { localOffsetMinutes }: ParseContext): Result<AuditEvent> {
  switch (format) {
    case 'v3-json':
      return withoutOwnHeader(parseJsonV3(text, localOffsetMinutes))
    case 'v2-json':
    case 'coraza-json-legacy':
      return parseJsonV2(text, format, localOffsetMinutes)
    case 'coraza-json':
      return parseJsonCoraza(text)
    case 'v3-native':
      return withoutOwnHeader(parseNative(text, format, localOffsetMinutes))
    case 'v2-native':
    case 'coraza-native':
      return parseNative(text, format, localOffsetMinutes)
    case 'index-line':
      return { ok: false, problem: 'a line of an index holds no transaction, its file does' }
  }
}

// nginx's own Lua hands the inline score to the rules in a header: no client sent it, and it holds a secret of the worker.
const OWN_HEADER = 'x-modwarden-score'

function withoutOwnHeader(parsed: Result<AuditEvent>): Result<AuditEvent> {
  const headers = parsed.ok ? parsed.value.request?.headers : undefined
  const isOwn = ([name]: readonly [string, string]) => name.length === OWN_HEADER.length && name.toLowerCase() === OWN_HEADER
  if (!parsed.ok || headers === undefined || !headers.some(isOwn)) return parsed
  return { ok: true, value: { ...parsed.value, request: { ...parsed.value.request!, headers: headers.filter(header => !isOwn(header)) } } }
}
