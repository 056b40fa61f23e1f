import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type DaemonState, isRunning, openStatusFile, readStatusFile } from '../../src/edge/status-file.ts'

const STATE: Omit<DaemonState, 'pid' | 'birth'> = {
  ...{ version: '0.1.0', started_at: 1, updated_at: 2, mode: 'enforce', firewall: 'auto', firewall_backend: 'iptables', model: 'base' },
  ...{ last_entry_at: null, entries_per_second: 0, logs: [{ path: '/log', lag_bytes: 0 }] },
}

test('the state is one block, whatever stands in it, and says whose it is', () => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-state-'))
  const path = join(folder, 'state')
  try {
    const file = openStatusFile(path)
    const long = { path: '/log', lag_bytes: 0, problem: 'x'.repeat(300) }
    for (const logs of [STATE.logs, Array.from({ length: 50 }, () => long)]) {
      file.write({ ...STATE, logs, firewall_problem: 'y'.repeat(300) })
      assert.equal(statSync(path).size, 4096)
      const state = readStatusFile(path)!
      assert.deepEqual([state.pid, state.logs.length, isRunning(state)], [process.pid, Math.min(3, logs.length), true])
    }
    file.close()
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a process runs as long as it is the very same one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-state-'))
  const path = join(folder, 'state')
  const other = spawn('sleep', ['60'])
  try {
    const file = openStatusFile(path)
    file.write(STATE)
    file.close()
    const state = readStatusFile(path)!
    assert.match(state.birth!, /^\d+$/)
    assert.equal(isRunning({ ...state, birth: `${state.birth}1` }), false, 'its number came back for another process')
    assert.equal(isRunning({ ...state, pid: other.pid! }), false)
    assert.equal(isRunning({ ...state, stopped_at: 3 }), false)
    const { birth: _, ...older } = state
    assert.equal(isRunning({ ...older, pid: other.pid! }), true, 'of an older version only the number is known')
    other.kill('SIGKILL')
    await once(other, 'exit')
    assert.equal(isRunning({ ...older, pid: other.pid! }), false)
  } finally {
    other.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  }
})
