import assert from 'node:assert/strict'
import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { whyNoNamespace } from '../netns.ts'
import { until } from '../until.ts'
import { createDaemonHarness } from './daemon-harness.ts'

const skip = whyNoNamespace() ?? false

test('the first line of status says whether anybody is protected, and so does its exit status', { skip, timeout: 120_000 }, async () => {
  const daemon = createDaemonHarness()
  const look = (...options: string[]) => daemon.command('status', ...options)
  /** Waits for a first line; what stands under it is given. */
  const says = async (verdict: RegExp, exit: number) => {
    await until(`status says ${verdict}`, () => verdict.test(look().stdout.split('\n')[0]!), 20_000)
    const { stdout, status } = look('--check')
    assert.equal(status, exit, stdout)
    assert.ok(stdout.split('\n').length <= 25, stdout)
    return stdout
  }
  const stopped = async (signal: 'SIGTERM' | 'SIGKILL') => {
    daemon.signal(signal)
    await daemon.ended()
  }
  try {
    const none = look('--check')
    assert.deepEqual([none.status, none.stdout], [1, ''])
    assert.match(none.stderr, /there is no database at .*; 'modwarden run' makes one/)

    await daemon.start()
    await says(/^NOT protected: .*audit\.log is not (?:there yet|followed)$/, 2)
    await until('the daemon has missed it', () => daemon.journal().some(({ event }) => event === 'log.failed'))
    const missed = JSON.parse(look('--json').stdout) as { logs: { problem: string | null }[]; sound_since: unknown }
    assert.match(String(missed.logs[0]!.problem), /not there yet/, 'what is amiss is to be seen at once')
    daemon.write(1, { ip: '192.0.2.1', loggedScore: 9 })
    await says(/^Protected for \d+ s: 1 address dropped by iptables$/, 0)
    const found = JSON.parse(look('--json').stdout) as Record<string, unknown>
    assert.deepEqual([found.protection, found.problems], ['protected', []])
    assert.ok(Date.parse(found.protected_since as string) > Date.parse(found.started_at as string), 'not since the log was missing')

    renameSync(daemon.log, `${daemon.log}.1`)
    await says(/^Partly protected: .*audit\.log is not there any$/, 1)
    writeFileSync(daemon.log, '')
    await says(/^Protected for /, 0)

    await stopped('SIGKILL')
    assert.match(
      await says(/^NOT protected: the daemon died \d+ s ago$/, 2),
      /\n {2}1 standing blocks? stays? .*\n {2}> systemctl restart modwarden; journalctl/,
    )
    await daemon.start()
    await stopped('SIGTERM')
    assert.match(await says(/^NOT protected: the daemon was stopped \d+ s ago$/, 2), /\n {2}> systemctl start modwarden\n/)

    appendFileSync(daemon.config, 'mode = "observe"\n')
    await daemon.start()
    assert.match(
      await says(/^NOT protected: only observing \(mode = "observe"\)$/, 2),
      /\n {2}1 address would be blocked right now\n {2}> modwarden observed /,
    )
    assert.equal(look().status, 0, 'without --check it did what it was asked')
  } catch (error) {
    process.stderr.write(daemon.text().slice(-2000) + look().stdout)
    throw error
  } finally {
    await daemon.remove()
  }
})
