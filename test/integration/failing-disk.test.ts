import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { whyNoNamespace } from '../netns.ts'
import { until } from '../until.ts'
import { createDaemonHarness } from './daemon-harness.ts'

/** Makes a file system that can be mounted; undefined where there is no loop device. */
function makeDisk(folder: string): string | undefined {
  const image = join(folder, 'disk')
  writeFileSync(image, '')
  truncateSync(image, 24 * 1024 * 1024)
  const env = { ...process.env, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
  if (spawnSync('mkfs.ext4', ['-qF', image], { env }).status !== 0) return undefined
  const found = spawnSync('losetup', ['--find', '--show', image], { encoding: 'utf8', env })
  return found.status === 0 ? found.stdout.trim() : undefined
}

test('a disk that fails and turns read-only ends no daemon: it is told, and who is blocked stays so', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-disk-'))
  const disk = whyNoNamespace() === undefined ? makeDisk(folder) : undefined
  if (disk === undefined) {
    rmSync(folder, { recursive: true })
    return t.skip('needs root, mkfs.ext4 and a loop device')
  }
  const daemon = createDaemonHarness(own => `denied_file = "${own}/denied"`)
  const place = dirname(daemon.database)
  execFileSync('mount', [disk, place])
  try {
    await daemon.start()
    daemon.write(1, { ip: '192.0.2.1', loggedScore: 9 })
    await until('it is dropped', () => daemon.isDropped('192.0.2.1'))
    // What the kernel does by itself with `errors=remount-ro`.
    execFileSync('mount', ['-o', 'remount,abort', disk, place])
    daemon.write(1, { ip: '192.0.2.2', loggedScore: 9 })
    await until('it is told', () => daemon.journal().some(line => line.event === 'database.failed'))
    execFileSync('ip', ['netns', 'exec', daemon.namespace.name, 'iptables', '-F', 'MODWARDEN'])
    await until('the rule that somebody took away is back', () => daemon.isDropped('192.0.2.1') || daemon.exitCode() !== null)
    assert.equal(daemon.exitCode(), null, daemon.text().slice(-500))
    daemon.signal('SIGTERM')
    await daemon.ended()
    assert.ok(daemon.isDropped('192.0.2.1'))
  } finally {
    daemon.signal('SIGKILL')
    await daemon.ended()
    execFileSync('umount', ['-l', place])
    spawnSync('losetup', ['--detach', disk])
    await daemon.remove()
    rmSync(folder, { recursive: true })
  }
})
