import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { MOST_BYTES } from './package/size.ts'

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

/** The arguments of with-systemd that boot the container three times: as it was installed, with blocks to restore, with a damaged database. */
const boots = (deb: string, journal: string) => ['-n', '3', '-t', '400', '-r', ROOT, '-c', `${deb}:/opt/modwarden.deb`, '-j', journal]

test('the package and its services under a real systemd', { skip, timeout: 900_000 }, t => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-service-'))
  const journal = join(folder, 'journal')
  try {
    const built = spawnSync(join(ROOT, 'scripts/package'), ['--out', folder], { encoding: 'utf8' })
    // A program of the recipe is missing.
    if (built.status === 69) return t.skip(built.stderr.trim())
    assert.equal(built.status, 0, built.stderr)
    const deb = join(folder, readdirSync(folder)[0]!)
    t.diagnostic(`${statSync(deb).size / 1e6} MB`)
    assert.ok(statSync(deb).size <= MOST_BYTES)
    const inside = ['bash', join(ROOT, 'test/integration/package/in-container'), ROOT]
    // The test of the sandboxes needs to see how a kernel answers that is not asked through a filter.
    const env = { ...process.env, WS_NSPAWN_ARGS: '--system-call-filter=finit_module' }
    const options = { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, env } as const
    const container = spawnSync(join(ROOT, 'scripts/with-systemd'), [...boots(deb, journal), '--', ...inside], options)
    for (const line of container.stdout.split('\n').filter(line => /^\s*[✔✖﹣]/.test(line))) t.diagnostic(line.trim())
    if (container.status !== 0) process.stderr.write(`${container.stdout}\n${container.stderr}\n${serviceLines(journal)}\n`)
    assert.equal(container.status, 0)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
