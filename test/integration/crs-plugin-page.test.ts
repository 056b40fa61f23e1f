import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
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
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-page-'))
  try {
    const tree = join(folder, 'tree')
    execFileSync(join(ROOT, 'scripts/stage'), [tree], { stdio: ['ignore', 'ignore', 'inherit'] })
    const inside = ['bash', join(ROOT, 'test/integration/service/inline'), ROOT]
    const container = spawnSync(
      join(ROOT, 'scripts/with-systemd'),
      ['-t', '120', '-r', ROOT, '-c', `${tree}:/usr/lib/modwarden`, '--', ...inside],
      {
        encoding: 'utf8',
      },
    )
    assert.equal(container.status, 0, `${container.stdout}\n${container.stderr}`)
    for (const server of ['apache', 'apache-faster', 'nginx', 'nginx-lua'])
      assert.match(container.stdout, new RegExp(`^== ${server} works$`, 'm'))
  } finally {
    rmSync(folder, { recursive: true })
  }
})
