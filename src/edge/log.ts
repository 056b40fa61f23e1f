import { type DestinationStream, destination, pino } from 'pino'
import { printable } from '../core/printable.ts'

export type Level = 'info' | 'warn' | 'error'
type Fields = Readonly<Record<string, unknown>>

/** Writes what happened: an event named `noun.past-verb` and its fields. */
export interface Log {
  info(event: string, fields?: Fields): void
  warn(event: string, fields?: Fields): void
  error(event: string, fields?: Fields): void
}

const PRIORITY: Readonly<Record<number, number>> = { 30: 6, 40: 4, 50: 3 }

/** Makes the journal's writer: one JSON object a line on stdout, written at once (nothing is lost when the process dies), printable ASCII only.
 *  Under systemd each line begins with `<N>`, from which journald takes the priority. */
export function createLog({ fd, hasPrefix }: { fd: number; hasPrefix: boolean }): Log {
  const stdout = destination({ dest: fd, sync: true })
  // A reader that went away must not end a daemon that blocks attackers.
  stdout.on('error', () => {})
  const stream: DestinationStream = { write: line => void stdout.write(toAscii(hasPrefix ? `<${priorityOf(line)}>${line}` : line)) }
  const logger = pino({ base: null, timestamp: hasPrefix ? false : pino.stdTimeFunctions.isoTime, messageKey: 'event' }, stream)
  return {
    info: (event, fields = {}) => logger.info(bounded(fields), event),
    warn: (event, fields = {}) => logger.warn(bounded(fields), event),
    error: (event, fields = {}) => logger.error(bounded(fields), event),
  }
}

function priorityOf(line: string): number {
  return PRIORITY[Number(/"level":(\d+)/.exec(line)?.[1])] ?? 6
}

// JSON escapes only what JSON must; a terminal also obeys C1 controls and bidirectional marks.
function toAscii(line: string): string {
  return line.replace(/[^\n\x20-\x7e]/g, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Makes fields fit to be written: strings of at most 256 printable ASCII characters, lists of at most 50. */
export function bounded(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, boundedValue(value)]))
}

function boundedValue(value: unknown): unknown {
  if (typeof value === 'string') return printable(value)
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return value.slice(0, 50).map(boundedValue)
  return value
}
