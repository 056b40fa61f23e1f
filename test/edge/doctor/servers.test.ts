import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findServers } from '../../../src/edge/doctor/servers.ts'

test('a worker that ends while it is looked at keeps nothing of the others from being seen', t => {
  const proc = mkdtempSync(join(tmpdir(), 'modwarden-proc-'))
  t.after(() => rmSync(proc, { recursive: true }))
  const log = join(proc, 'audit.log')
  writeFileSync(log, '')
  for (const [pid, parent] of [
    [10, 1],
    [11, 10],
  ] as const) {
    const folder = join(proc, String(pid))
    mkdirSync(join(folder, 'fdinfo'), { recursive: true })
    writeFileSync(join(folder, 'comm'), 'nginx\n')
    writeFileSync(join(folder, 'status'), `Name:\tnginx\nPPid:\t${parent}\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t\n`)
  }
  // Of the worker only what was read before is left.
  const master = join(proc, '10')
  mkdirSync(join(master, 'fd'))
  symlinkSync(log, join(master, 'fd', '5'))
  writeFileSync(join(master, 'fdinfo', '5'), 'pos:\t0\nflags:\t0102001\n')
  const { running, held } = findServers(proc, [log], String)
  assert.deepEqual(
    running.map(({ pid }) => pid),
    [10, 11],
  )
  assert.deepEqual(
    held.map(({ pid, path }) => [pid, path]),
    [[10, log]],
  )
})
