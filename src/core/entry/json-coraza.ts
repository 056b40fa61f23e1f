import type { AuditEvent, HttpRequest, Result, RuleMatch } from '../types.ts'
import { type Fields, fields, type Json, list, NO_HEADERS, parseJson, text, toEvent, word16 } from './fields.ts'
import { readMessage } from './message-text.ts'
import { severityWord } from './severity.ts'

/** Parses an entry that Coraza wrote as JSON. Its time comes in nanoseconds of UTC, so no zone is needed. */
export function parseJsonCoraza(entry: string): Result<AuditEvent> {
  const parsed = parseJson(entry)
  const transaction = fields(parsed?.transaction)
  if (transaction === undefined) return { ok: false, problem: 'no JSON of a transaction' }
  const nanos = transaction?.unix_timestamp
  return toEvent({
    id: text(transaction?.id),
    at: typeof nanos === 'number' && nanos > 0 ? Math.trunc(nanos / 1e6) : undefined,
    ip: text(transaction?.client_ip),
    port: word16(transaction?.client_port),
    request: requestOf(fields(transaction?.request)),
    status: word16(fields(transaction?.response)?.status),
    matches: list(parsed?.messages).flatMap(message => matchOf(fields(message)) ?? []),
    intercepted: transaction?.is_interrupted === true,
    format: 'coraza-json',
  })
}

function requestOf(request: Fields): HttpRequest | undefined {
  const uri = request?.uri
  if (typeof uri !== 'string') return undefined
  const body = request?.body
  return {
    method: text(request?.method),
    uri: text(uri),
    protocol: text(request?.protocol),
    headers: headersOf(request?.headers),
    body: typeof body === 'string' && body !== '' ? text(body) : undefined,
    ...(request?.headers === undefined || request.headers === null ? NO_HEADERS : {}),
  }
}

function headersOf(headers: Json): [string, string][] {
  if (typeof headers !== 'object' || headers === null) return []
  return Object.entries(headers).flatMap(([name, values]) => list(values).map((value): [string, string] => [text(name), text(value)]))
}

/** Without part K Coraza leaves `data` empty and writes only a text, whose fields are quoted. */
function matchOf(message: Fields): RuleMatch | undefined {
  const data = fields(message?.data)
  const id = data?.id
  if (typeof id !== 'number') return readMessage(text(message?.error_message), () => false)
  if (!Number.isSafeInteger(id) || id <= 0) return undefined
  return {
    id: String(id),
    message: text(data?.msg),
    data: text(data?.data),
    severity: severityWord(String(data?.severity ?? '')),
  }
}
