import { apacheTime } from './time.ts'

const LENGTH = /^content-length:[ \t]*(\d{1,15})[ \t\r]*$/i
const RECODED = /^(?:transfer-encoding|content-encoding)[ \t]*:/i
const LENGTH_NAME = /^content-length[ \t]*:/i
const STOPWATCH = /^Stopwatch: (\d{10,17}) (\d{1,12}) /gm
const A_TIME_AND_ID = /^\[([^\]]{20,40})\] (\S+) /
const ERROR_ID = /^Apache-Error: .* \[unique_id "([^"]{1,128})"\]$/gm
/** Apache takes the time of part A just before it stops its watch: 8 to 507 microseconds were seen. */
const STOPWATCH_SLACK_MICROS = 1000

/** Gives the length of a body by the headers before it (part B or F); undefined when they do not fix it: one that is sent in chunks or in another
 *  coding may hold anything, and whoever decodes a body takes its length out of the headers. */
export function bodyLength(headers: string): number | undefined {
  const lines = headers.split('\n')
  const lengths = lines.filter(line => LENGTH_NAME.test(line))
  if (lengths.length !== 1 || lines.some(line => RECODED.test(line))) return undefined
  const found = LENGTH.exec(lengths[0]!)
  return found ? Number(found[1]) : undefined
}

/** Tells how well part H of a v2 entry belongs to a part A: by the transaction's `id` at the end of its error lines, or by the `time` in
 *  part A, which is that of the stopwatch (microseconds). `forged` when an error line names another transaction. */
export function v2Proof(partA: string, partH: string): 'id' | 'time' | 'none' | 'forged' {
  const [, time = '', id = ''] = A_TIME_AND_ID.exec(partA) ?? []
  const ids = [...partH.matchAll(ERROR_ID)].map(found => found[1])
  if (ids.some(other => other !== id)) return 'forged'
  if (ids.length > 0) return 'id'
  const watches = [...partH.matchAll(STOPWATCH)]
  const loggedAt = microsOf(time)
  if (watches.length !== 1 || loggedAt === undefined) return 'none'
  const stoppedAt = Number(watches[0]![1]) + Number(watches[0]![2])
  return stoppedAt >= loggedAt && stoppedAt - loggedAt <= STOPWATCH_SLACK_MICROS ? 'time' : 'none'
}

function microsOf(time: string): number | undefined {
  const fraction = /\.(\d{6}) /.exec(time)?.[1]
  const seconds = apacheTime(time.replace(/\.\d{6} /, ' '))
  return fraction === undefined || seconds === undefined ? undefined : seconds * 1000 + Number(fraction)
}
