import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { modwarden } from './modwarden.ts'

const SCRIPT = fileURLToPath(new URL('../../scripts/modwarden', import.meta.url))

// All of them end before anything is looked at or written.
const CASES: { args: string[]; errors: RegExp }[] = [
  { args: [], errors: /which web server\? modwarden setup apache, or modwarden setup nginx$/m },
  { args: ['lighttpd'], errors: /'lighttpd' is invalid for argument 'server'\. Allowed choices are apache, nginx/ },
  { args: ['lighttpd', '--undo'], errors: /Allowed choices are apache, nginx/ },
  { args: ['apache', '--domain', 'a b;c'], errors: /--domain must be a host name such as www\.example\.com .*got 'a b;c'/ },
  { args: ['apache', '--domain', '192.0.2.1'], errors: /--domain must be a host name/ },
  { args: ['apache', '--force'], errors: /unknown option '--force'/ },
]
for (const { args, errors } of CASES)
  test(`setup ${args.join(' ')}: is wrong usage`, async () => {
    const ran = await modwarden(['setup', ...args])
    assert.equal(ran.code, 64, ran.errors)
    assert.match(ran.errors, errors)
    assert.equal(ran.out, '')
  })

test('setup says that it needs root, and leaves nothing behind', () => {
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const { status, stderr } = spawnSync(SCRIPT, ['setup', 'apache', '--yes'], { ...user, cwd: '/', encoding: 'utf8' })
  assert.equal(status, 1, stderr)
  assert.match(stderr, /^modwarden: setup changes the configuration of the web server; run it as root$/m)
})
