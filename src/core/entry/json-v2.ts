import type { AuditEvent, Format, HttpRequest, Result } from '../types.ts'
import { type Fields, fields, list, NO_HEADERS, parseJson, text, toEvent, word16 } from './fields.ts'
import { jsonHeaders } from './json-headers.ts'
import { createIsClientText, readMessage } from './message-text.ts'
import { hasUnseenBody } from './native.ts'
import { splitRequestLine } from './request-line.ts'
import { apacheTime, goTime, type LocalOffset } from './time.ts'

/** Parses an entry that ModSecurity 2 wrote as JSON, or Coraza in its legacy JSON (same keys, no text for the rules that matched). */
export function parseJsonV2(entry: string, format: Format, localOffset: LocalOffset): Result<AuditEvent> {
  const parsed = parseJson(entry)
  const transaction = fields(parsed?.transaction)
  if (transaction === undefined) return { ok: false, problem: 'no JSON of a transaction' }
  const audit = fields(parsed?.audit_data)
  const request = requestOf(fields(parsed?.request), entry)
  const status = word16(fields(parsed?.response)?.status)
  const time = text(transaction?.time)
  const messages = list(audit?.messages)
  const isClientText = createIsClientText(request, hasUnseenBody(request))
  // The legacy format has no field for it: where the engine may deny, these two codes with a match are its denials.
  const mayDeny = format === 'coraza-json-legacy' && audit?.engine_mode === 'On'
  return toEvent({
    id: text(transaction?.transaction_id),
    at: format === 'coraza-json-legacy' ? goTime(time, localOffset) : apacheTime(time),
    ip: text(transaction?.remote_address),
    port: word16(transaction?.remote_port),
    request,
    status,
    matches: messages.flatMap(message => readMessage(text(message), isClientText) ?? []),
    intercepted: fields(audit?.action)?.intercepted === true || (mayDeny && (status === 403 || status === 400) && messages.length > 0),
    format,
  })
}

function requestOf(request: Fields, entry: string): HttpRequest | undefined {
  const line = request?.request_line
  if (typeof line !== 'string') return undefined
  const headers = request?.headers === undefined ? [] : jsonHeaders(entry)
  return { ...splitRequestLine(text(line)), headers, body: bodyOf(request), ...(request?.headers === undefined ? NO_HEADERS : {}) }
}

/** The body of a form with files comes urlencoded and without the files, any other one in chunks. */
function bodyOf(request: Fields): string | undefined {
  const body = request?.body
  if (Array.isArray(body)) return body.map(text).join('')
  if (typeof body === 'string') return text(body)
  const fake = request?.fake_body
  return typeof fake === 'string' ? text(fake) : undefined
}
