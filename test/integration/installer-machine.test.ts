import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from './installer/fakes.ts'

const skip = whyNot() ?? false

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root to boot a container'
  if (!existsSync('/usr/bin/systemd-nspawn')) return 'needs systemd-container (scripts/setup-debian installs it)'
  return undefined
}

test('an installation without a package under a real systemd', { skip, timeout: 400_000 }, t => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-installer-'))
  try {
    const tree = join(folder, 'tree')
    execFileSync(join(ROOT, 'scripts/lay-out'), [tree], { stdio: 'pipe' })
    const inside = [
      join(ROOT, 'node_modules/.bin/node'),
      '--test',
      '--test-reporter=spec',
      join(ROOT, 'test/integration/installer/whole-machine.test.ts'),
    ]
    const boot = ['-t', '300', '-r', ROOT, '-r', tree, '-C', ROOT, '-e', `TREE=${tree}`]
    const container = spawnSync(join(ROOT, 'scripts/with-systemd'), [...boot, '--', ...inside], {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    })
    for (const line of container.stdout.split('\n').filter(line => /^\s*[✔✖﹣]/.test(line))) t.diagnostic(line.trim())
    if (container.status !== 0) process.stderr.write(`${container.stdout}\n${container.stderr}\n`)
    assert.equal(container.status, 0)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
