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
      return parseJsonV3(text, localOffsetMinutes)
    case 'v2-json':
    case 'coraza-json-legacy':
      return parseJsonV2(text, format, localOffsetMinutes)
    case 'coraza-json':
      return parseJsonCoraza(text)
    case 'v2-native':
    case 'v3-native':
    case 'coraza-native':
      return parseNative(text, format, localOffsetMinutes)
    case 'index-line':
      return { ok: false, problem: 'a line of an index holds no transaction, its file does' }
  }
}
