// Writes the shipped recording into an audit log as if it happened now: node scripts/replay-recording.ts TARGET [SECONDS]
import { appendFileSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'

const [target, seconds = '5'] = process.argv.slice(2)
if (target === undefined) throw new Error('usage: node scripts/replay-recording.ts TARGET [SECONDS]')
const recording = gunzipSync(readFileSync(new URL('../test/fixtures/recording/audit.log.gz', import.meta.url))).toString('latin1')
const entries = recording.trimEnd().split('\n')
const STEPS = 50
const size = Math.ceil(entries.length / STEPS)
for (let step = 0; step < STEPS; step++) {
  const now = ctime(new Date())
  // libmodsecurity writes the time as its second field, before anything that a client chose.
  const lines = entries.slice(step * size, (step + 1) * size).map(entry => entry.replace(/"time_stamp":"[^"]*"/, `"time_stamp":"${now}"`))
  if (lines.length > 0) appendFileSync(target, `${lines.join('\n')}\n`, 'latin1')
  await pause((Number(seconds) * 1000) / STEPS)
}
console.log(entries.length)

/** Local time as C's ctime() writes it. */
function ctime(date: Date): string {
  const [weekday, month, day, year] = date.toDateString().split(' ')
  return `${weekday} ${month} ${String(Number(day)).padStart(2, ' ')} ${date.toTimeString().slice(0, 8)} ${year}`
}
