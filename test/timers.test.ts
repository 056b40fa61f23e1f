import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('../systemd', import.meta.url))

test('no timer waits for a time of day that is missing when the clocks go forward, between midnight and four', () => {
  const timers = readdirSync(FOLDER).filter(name => name.endsWith('.timer'))
  const times = timers.flatMap(name => [...readFileSync(join(FOLDER, name), 'utf8').matchAll(/^OnCalendar=.* (\d\d):\d\d:\d\d$/gm)])
  assert.equal(times.length, 2)
  for (const [line, hour] of times) assert.ok(Number(hour) >= 4, line)
})
