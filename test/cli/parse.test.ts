import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { auditLog, truths } from '../core/entry/corpus.ts'
import { v3Entry } from '../entries.ts'

const folder = mkdtempSync(join(tmpdir(), 'parse-'))
after(() => rmSync(folder, { recursive: true }))

const PROGRAM = `
  import { Command } from 'commander'
  import { registerParse } from './src/cli/parse.ts'
  const program = new Command('modwarden').exitOverride()
  registerParse(program)
  await program.parseAsync().catch(error => { process.stderr.write(error.message + '\\n'); process.exitCode = 1 })`

async function parse(options: string[], input: Buffer | string = '') {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, '--', 'parse', ...options], {
    cwd: new URL('../..', import.meta.url),
    env: { ...process.env, TZ: 'UTC' },
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  const lines = (all: string) => all.split('\n').filter(line => line !== '')
  return { code: child.exitCode, out, events: lines(out).map(line => JSON.parse(line)), errors: lines(errors) }
}

test('what is parsed has no character that a terminal obeys, and is the same when it is read', async () => {
  const uri = '/\x9b2J\x7f\x1b[31m?q=\xc2\x9b'
  const { out, events } = await parse([], Buffer.from(v3Entry({ ip: '192.0.2.1', uri }), 'latin1'))
  assert.equal(events[0].uri, uri)
  assert.doesNotMatch(out, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
})

test('parse writes the events of a log as the contract says', async () => {
  const rows = truths('v3-json-serial')
  const { code, events, errors } = await parse([], auditLog('v3-json-serial'))
  assert.equal(code, 0)
  assert.deepEqual(errors, ['{"parsed":222,"problems":0,"bytes":674534}'])
  assert.deepEqual(
    events.map(({ id, offset, length }) => [id, offset, length]),
    rows.map(row => [row.unique_id, row.offset, row.length]),
  )
  const names = 'id at ip port method uri protocol status headers body matches inbound_score logged_score intercepted format offset length'
  assert.deepEqual(Object.keys(events[0]), names.split(' '))
  const { at, headers, matches } = events[0]
  assert.deepEqual(
    [at, headers[0], matches[0].id, matches[0].severity],
    ['2026-11-22T09:57:15.000Z', ['Host', 'lgs.test'], '913100', 'CRITICAL'],
  )
})

test('parse reads several files, packed ones too, and tells what it cannot read', async () => {
  const good = join(folder, 'good.gz')
  const bad = join(folder, 'bad.log')
  writeFileSync(good, gzipSync(auditLog('v2-json-serial')))
  writeFileSync(bad, Buffer.concat([Buffer.from('garbage\n'), auditLog('v2-native-serial')]))
  const { code, events, errors } = await parse(['--strict', good, bad])
  assert.equal(code, 1)
  assert.equal(events.length, 450)
  assert.deepEqual(JSON.parse(errors[0]!), { problem: 'no audit-log entry', offset: 0, length: 8, file: bad })
  assert.deepEqual(JSON.parse(errors[1]!), { parsed: 450, problems: 1, bytes: 2267149 + 1466905 + 8 })
})

test('parse takes only the format that it was told to', async () => {
  const { code, events, errors } = await parse(['--format', 'v2-json'], auditLog('v3-json-serial').subarray(0, 1000))
  assert.deepEqual([code, events.length], [0, 0])
  assert.equal(JSON.parse(errors[0]!).problem.length > 0, true)
})

test('parse says what file it cannot read', async () => {
  const { code, errors } = await parse([join(folder, 'none')])
  assert.equal(code, 1)
  assert.match(errors.join(), /^cannot read .*none: ENOENT/)
})

test('parse brings nothing of a forged entry out', async () => {
  const { events, errors } = await parse([], auditLog('v2-native-serial-WORSTCASE'))
  const victims = new Set(truths('v2-native-serial-WORSTCASE').flatMap(row => row.victim ?? []))
  assert.equal(events.length, 214)
  assert.ok(
    events.every(
      event =>
        !victims.has(event.ip) && !event.matches.some((match: { id: string }) => match.id === '100004' && event.logged_score === 9.9),
    ),
  )
  assert.equal(JSON.parse(errors.at(-1)!).problems, 22)
})
