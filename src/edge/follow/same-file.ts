import { fileOf, isLink, statPath } from './path.ts'

/** What readers know of each other. */
export type Reading = {
  log: string
  /** Says whether this is a file that it reads as its own. */
  reads(file: { dev: bigint; ino: bigint }): boolean
}

/** Tells which other log a file is already read as. */
export type ReadBy = (file: { dev: bigint; ino: bigint }) => string | undefined

/** The logs that are followed beside one. */
export type Beside = { others: readonly string[]; readBy: ReadBy }

export const ALONE: Beside = { others: [], readBy: () => undefined }

/** Makes what tells a reader of `log` which of the readers there are by then reads a file already. */
export function createReadBy(log: string, readers: readonly Reading[]): ReadBy {
  return file => readers.find(reader => reader.log !== log && reader.reads(file))?.log
}

/** Says why a log is not read that is the same file as another one. */
export function sameFile(other: string): string {
  return `it is the same file as ${other}, which is followed; name it once in audit_log`
}

/** Gives what the path of a log names; a problem when another log is read from there, for a link may be made at any time. */
export function statOwn(log: string, { others, readBy }: Beside): ReturnType<typeof statPath> {
  const found = statPath(log)
  const other = found.stats === undefined ? undefined : (readBy(found.stats) ?? linkedTo(log, others))
  return other === undefined ? found : { problem: sameFile(other) }
}

/** Gives the other log that one is a link to. After a rotation the link may be looked at first, when nobody reads the new file yet. */
function linkedTo(log: string, others: readonly string[]): string | undefined {
  if (!isLink(log)) return undefined
  const file = fileOf(log)
  return others.find(other => other !== log && !isLink(other) && fileOf(other) === file)
}
