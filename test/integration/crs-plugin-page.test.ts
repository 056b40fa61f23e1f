import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { whyNoApache } from '../servers/apache.ts'
import { whyNoNginxLua } from '../servers/nginx.ts'
import { whyNoLuaSocket } from '../servers/plugin.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const whyNoContainer = existsSync('/usr/bin/systemd-nspawn') ? undefined : 'needs systemd-container (scripts/setup-debian installs it)'
const skip = whyNoApache() ?? whyNoNginxLua() ?? whyNoLuaSocket('5.1') ?? whyNoLuaSocket('5.3') ?? whyNoContainer ?? false

test('whoever follows docs/crs-plugin.md on a stock Debian has inline scores, on Apache, nginx and a busy nginx', {
  skip,
  timeout: 180_000,
}, () => {
  const inside = ['bash', join(ROOT, 'test/integration/service/inline'), ROOT]
  const copy = `${join(ROOT, 'modsecurity')}:/opt/modwarden/modsecurity`
  const container = spawnSync(join(ROOT, 'scripts/with-systemd'), ['-t', '120', '-r', ROOT, '-c', copy, '--', ...inside], {
    encoding: 'utf8',
  })
  assert.equal(container.status, 0, `${container.stdout}\n${container.stderr}`)
  for (const server of ['apache', 'nginx', 'nginx-lua']) assert.match(container.stdout, new RegExp(`^== ${server} works$`, 'm'))
})
