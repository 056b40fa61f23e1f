import type { AuditEvent, HttpRequest, Result, RuleMatch } from '../types.ts'
import { seemsDenied } from './denial.ts'
import { type Fields, fields, type Json, list, NO_HEADERS, parseJson, text, toEvent, word16 } from './fields.ts'
import { jsonHeaders } from './json-headers.ts'
import { severityWord } from './severity.ts'
import { ctime, type LocalOffset } from './time.ts'

/** Parses an entry that libmodsecurity 3 wrote as JSON. */
export function parseJsonV3(entry: string, localOffset: LocalOffset): Result<AuditEvent> {
  const transaction = fields(parseJson(entry)?.transaction)
  if (transaction === undefined) return { ok: false, problem: 'no JSON of a transaction' }
  const matches = matchesOf(list(transaction?.messages))
  const status = word16(fields(transaction?.response)?.http_code)
  const mayDeny = fields(transaction?.producer)?.secrules_engine === 'Enabled'
  return toEvent({
    id: text(transaction?.unique_id),
    at: ctime(text(transaction?.time_stamp), localOffset),
    ip: text(transaction?.client_ip),
    port: word16(transaction?.client_port),
    request: requestOf(fields(transaction?.request), entry),
    status,
    matches,
    intercepted: mayDeny && seemsDenied(status, matches),
    format: 'v3-json',
  })
}

function requestOf(request: Fields, entry: string): HttpRequest | undefined {
  const uri = request?.uri
  if (typeof uri !== 'string') return undefined
  const version = request?.http_version
  const body = request?.body
  return {
    method: text(request?.method),
    uri: text(uri),
    protocol: typeof version === 'number' ? `HTTP/${version.toFixed(1)}` : '',
    headers: request?.headers === undefined ? [] : jsonHeaders(entry),
    body: typeof body === 'string' ? text(body) : undefined,
    ...(request?.headers === undefined ? NO_HEADERS : {}),
  }
}

function matchesOf(messages: readonly Json[]): RuleMatch[] {
  const matches: RuleMatch[] = []
  for (const each of messages) {
    const message = fields(each)
    const details = fields(message?.details)
    const id = details?.ruleId
    if (typeof id !== 'string' || !/^\d{1,18}$/.test(id)) continue
    matches.push({
      id,
      message: text(message?.message),
      data: text(details?.data),
      severity: severityWord(text(details?.severity)),
    })
  }
  return matches
}
