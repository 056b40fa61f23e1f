import { formatDuration } from '../core/duration.ts'
import { printable } from '../core/printable.ts'
import type { Millis } from '../core/types.ts'

/** Writes one JSON object a line. */
export function printJson(rows: readonly unknown[]): void {
  for (const row of rows) process.stdout.write(`${jsonLine(row)}\n`)
}

/** Writes JSON that no terminal obeys: JSON leaves the control characters above ASCII, which begin commands too, as they are. */
export function jsonLine(row: unknown): string {
  return JSON.stringify(row).replace(/[\x7f-\x9f]/g, character => `\\u00${character.charCodeAt(0).toString(16)}`)
}

/** Writes aligned columns under their names, or `empty` when there are no rows. Whatever a client sent is escaped. */
export function printTable(names: readonly string[], rows: readonly (readonly string[])[], empty: string): void {
  for (const line of rows.length === 0 ? [empty] : tableText(names, rows)) process.stdout.write(`${line}\n`)
}

/** Aligns columns under their names, a line each. */
export function tableText(names: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = [names.map(name => name.toUpperCase()), ...rows.map(row => row.map(cell => printable(cell, 100)))]
  const widths = names.map((_, column) => cells.reduce((widest, row) => Math.max(widest, row[column]!.length), 0))
  return cells.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}

/** ISO 8601 UTC; null for an instant that never comes. */
export function iso(at: Millis | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}

/** `3 min ago`, `in 42 min`, `never`. */
export function relative(at: Millis | null, now: Millis): string {
  if (at === null) return 'never'
  return at > now ? `in ${formatDuration(at - now)}` : `${formatDuration(now - at)} ago`
}
