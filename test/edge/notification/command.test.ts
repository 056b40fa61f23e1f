import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Payload } from '../../../src/core/notification/payload.ts'
import { createCommand } from '../../../src/edge/notification/command.ts'
import { until } from '../../until.ts'

const PAYLOAD: Payload = {
  id: 'i',
  kind: 'block',
  event: 'x',
  at: 'a',
  host: 'h',
  number: 1,
  text: 'it $(touch /tmp/x) "; happened',
  fields: {},
}
const never = new AbortController().signal
const folder = mkdtempSync(join(tmpdir(), 'modwarden-command-'))
after(() => rmSync(folder, { recursive: true }))

function script(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, `#!/bin/sh\n${text}\n`)
  chmodSync(path, 0o755)
  return path
}

function isAlive(pid: string): boolean {
  // A process that has ended and that nobody has asked about yet is a zombie.
  return existsSync(`/proc/${pid}/stat`) && readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]![0] !== 'Z'
}

test('the program gets the notification as JSON, its text in the environment, its own arguments, and nothing else', async () => {
  process.env.NOTIFY_SOCKET = '/run/nowhere'
  const path = script(
    'show',
    `cat > ${folder}/json; printf %s "$MODWARDEN_TEXT" > ${folder}/text; printf '%s\\n' "$@" > ${folder}/arguments; env > ${folder}/env`,
  )
  const outcome = await createCommand([path, '--to', 'a b']).send(PAYLOAD, never)
  delete process.env.NOTIFY_SOCKET
  assert.deepEqual(outcome, { ok: true, detail: 'ended with status 0' })
  const written = (name: string) => readFileSync(join(folder, name), 'utf8')
  assert.deepEqual(JSON.parse(written('json')), PAYLOAD)
  assert.equal(written('text'), PAYLOAD.text)
  assert.equal(written('arguments'), '--to\na b\n')
  assert.doesNotMatch(written('env'), /NOTIFY_SOCKET|HOME/)
})

const ends: { name: string; text: string; problem?: string }[] = [
  { name: 'reads nothing', text: 'exit 0' },
  { name: 'leaves something behind that keeps its output open', text: 'sleep 5 &\nexit 0' },
  { name: 'prints without end', text: 'head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2' },
  { name: 'fails, and prints a secret', text: 'echo SECRET >&2; exit 3', problem: 'it ended with status 3' },
]
for (const { name, text, problem } of ends) {
  test(`a program that ${name}`, async () => {
    const path = script('end', text)
    const outcome = await createCommand([path], { timeout: 20_000 }).send(PAYLOAD, never)
    assert.deepEqual(outcome, problem === undefined ? { ok: true, detail: 'ended with status 0' } : { ok: false, problem })
  })
}

test('a program that cannot be started', async () => {
  assert.deepEqual(await createCommand(['/nowhere']).send(PAYLOAD, never), { ok: false, problem: 'it cannot be started: ENOENT' })
  assert.deepEqual(await createCommand([folder]).send(PAYLOAD, never), { ok: false, problem: 'it cannot be started: EACCES' })
})

test('a program that takes too long ends, with all that it started', async () => {
  const path = script('slow', `sleep 60 & echo $! > ${folder}/child; echo $$ > ${folder}/self; wait`)
  const outcome = await createCommand([path], { timeout: 500 }).send(PAYLOAD, never)
  assert.deepEqual(outcome, { ok: false, problem: 'it took too long and was ended' })
  for (const name of ['child', 'self']) {
    const pid = readFileSync(join(folder, name), 'utf8').trim()
    await until(`${name} has ended`, () => !isAlive(pid))
  }
})

test('it ends at once with the signal', async () => {
  const stop = new AbortController()
  const path = script('wait', `echo $$ > ${folder}/waiting; sleep 60`)
  const sending = createCommand([path], { timeout: 60_000 }).send(PAYLOAD, stop.signal)
  await until('it runs', () => existsSync(join(folder, 'waiting')))
  stop.abort()
  assert.equal((await sending).ok, false)
  assert.equal((await createCommand([path]).send(PAYLOAD, stop.signal)).ok, false)
})
