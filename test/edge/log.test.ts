import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const LOG = fileURLToPath(new URL('../../src/edge/log.ts', import.meta.url))

/** What a process wrote that logs and is then killed at once. */
function written(call: string, hasPrefix: boolean): string {
  const program = `import { createLog } from ${JSON.stringify(LOG)}; const log = createLog({ fd: 1, hasPrefix: ${hasPrefix} }); ${call}; process.kill(process.pid, 'SIGKILL')`
  return spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'latin1' }).stdout
}

test('every line is out before the process dies, with its priority', () => {
  const out = written("log.info('a.done', { n: 1 }); log.warn('b.done'); log.error('c.done')", true)
  assert.deepEqual(
    out
      .trim()
      .split('\n')
      .map(line => line.slice(0, 3)),
    ['<6>', '<4>', '<3>'],
  )
  assert.deepEqual(JSON.parse(out.split('\n')[0]!.slice(3)), { level: 30, n: 1, event: 'a.done' })
})

test('without systemd there is a time and no prefix', () => {
  const line = JSON.parse(written("log.info('a.done')", false)) as { time: string }
  assert.match(line.time, /^\d{4}-\d\d-\d\dT/)
})

test('what a client sent is escaped and cut', () => {
  const out = written(`log.warn('x.done', { path: '\\u001b[2J\\u009b\\u202e\\n<3>{' + 'a'.repeat(1000), list: ['\\u0007'] })`, true)
  assert.match(out, /^<4>[\x20-\x7e]+\n$/)
  const fields = JSON.parse(out.slice(3)) as { path: string; list: string[] }
  assert.ok(fields.path.length <= 256)
  assert.ok(fields.path.startsWith('\\x1b[2J\\x9b\\u202e\\x0a<3>{aaa'))
  assert.deepEqual(fields.list, ['\\x07'])
})
