import { type ParseContext, parseEntry } from './entry/parse.ts'
import { outlineRequest } from './mask.ts'
import type { AuditEvent, Format } from './types.ts'

/** What an event's row tells of its transaction. */
export type KnownTransaction = {
  transaction_id: string
  address: string
  method: string | null
  host: string | null
  path: string | null
  argument_names: string | null
}

/** Parses an entry that was read again; undefined unless it is the transaction that is known: the place in a log says little once the log was rotated,
 *  and a client may choose the id. */
export function sameTransaction(
  entry: { text: string; format: Format },
  known: KnownTransaction,
  context: ParseContext,
): AuditEvent | undefined {
  const parsed = parseEntry(entry, context)
  if (!parsed.ok) return undefined
  const { id, ip, request } = parsed.value
  const outline = request === undefined ? undefined : outlineRequest(request)
  const isSame =
    id.slice(0, 64) === known.transaction_id &&
    ip === known.address &&
    (request?.method.slice(0, 32) ?? null) === known.method &&
    (outline?.host ?? null) === known.host &&
    (outline?.path ?? null) === known.path &&
    (outline?.argumentNames ?? null) === known.argument_names
  return isSame ? parsed.value : undefined
}
