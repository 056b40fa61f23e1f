import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { whyNoApache } from '../servers/apache.ts'
import { whyNoNginxLua } from '../servers/nginx.ts'
import { whyNoLuaSocket } from '../servers/plugin.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
/** A package to install instead of the staged tree: MODWARDEN_DEB=out/modwarden_….deb node --test test/integration/setup.test.ts */
const DEB = process.env.MODWARDEN_DEB === undefined ? undefined : resolve(process.env.MODWARDEN_DEB)
const whyNoContainer = existsSync('/usr/bin/systemd-nspawn') ? undefined : 'needs systemd-container (scripts/setup-debian installs it)'
const skip = whyNoApache() ?? whyNoNginxLua() ?? whyNoLuaSocket('5.1') ?? whyNoLuaSocket('5.3') ?? whyNoContainer ?? false

test('modwarden setup on a stock Debian, under a real systemd', { skip, timeout: 600_000 }, t => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-setup-'))
  try {
    const tree = join(folder, 'tree')
    if (DEB === undefined) execFileSync(join(ROOT, 'scripts/stage'), [tree], { stdio: ['ignore', 'ignore', 'inherit'] })
    const carried = DEB === undefined ? ['-c', `${tree}:/usr/lib/modwarden`] : ['-r', DEB]
    const inside = ['bash', join(ROOT, 'test/integration/setup/install'), ROOT, ...(DEB === undefined ? [] : [DEB])]
    const journal = join(folder, 'journal')
    const container = spawnSync(join(ROOT, 'scripts/with-systemd'), ['-t', '500', '-r', ROOT, ...carried, '-j', journal, '--', ...inside], {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    })
    for (const line of container.stdout.split('\n').filter(line => /^\s*[✔✖﹣ℹ] ./.test(line))) t.diagnostic(line.trim())
    if (container.status !== 0)
      process.stderr.write(`${container.stdout}\n${container.stderr}\n${readFileSync(journal, 'utf8').split('\n').slice(-60).join('\n')}\n`)
    assert.equal(container.status, 0)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
