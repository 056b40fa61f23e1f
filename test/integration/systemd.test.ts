import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const skip = whyNot() ?? false

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root to boot a container'
  if (!existsSync('/usr/bin/systemd-nspawn')) return 'needs systemd-container (scripts/setup-debian installs it)'
  return undefined
}

/** What the journal of the container says of our units. */
function serviceLines(path: string): string {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => line.includes('modwarden'))
    .slice(-100)
    .join('\n')
}

test('the service under a real systemd', { skip, timeout: 420_000 }, t => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-service-'))
  try {
    execFileSync(join(ROOT, 'scripts/stage'), [join(folder, 'tree')], { stdio: ['ignore', 'ignore', 'inherit'] })
    const inside = ['bash', join(ROOT, 'test/integration/service/install'), ROOT]
    const container = spawnSync(
      join(ROOT, 'scripts/with-systemd'),
      ['-t', '360', '-r', ROOT, '-c', `${join(folder, 'tree')}:/opt/modwarden`, '-j', join(folder, 'journal'), '--', ...inside],
      { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
    )
    for (const line of container.stdout.split('\n').filter(line => /^\s*[✔✖﹣]/.test(line))) t.diagnostic(line.trim())
    if (container.status !== 0) process.stderr.write(`${container.stdout}\n${container.stderr}\n${serviceLines(join(folder, 'journal'))}\n`)
    assert.equal(container.status, 0)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
