import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../until.ts'
import { type DaemonHarness, withDaemon } from './daemon-harness.ts'

/** Starts the daemon where a program of the firewall hangs as soon as `hang` says so. */
async function startBeside(daemon: DaemonHarness, program: string): Promise<{ hang(): void; heal(): void }> {
  const [flag, fake, real] = ['hangs', 'fake', 'real'].map(name => join(daemon.folder, name)) as [string, string, string]
  const path = realpathSync(program)
  copyFileSync(path, real)
  writeFileSync(fake, `#!/bin/bash\n[ -e ${flag} ] && exec sleep 1000\nexec -a "$(basename "$0")" ${real} "$@"\n`)
  for (const file of [fake, real]) chmodSync(file, 0o755)
  await daemon.start(['unshare', '--mount', 'sh', '-c', `mount --bind ${fake} ${path} && exec "$@"`, 'sh'])
  return { hang: () => writeFileSync(flag, ''), heal: () => rmSync(flag, { force: true }) }
}

const told = (daemon: DaemonHarness, event: string) => daemon.journal().filter(line => line.event === event)
const firstLine = (daemon: DaemonHarness) => daemon.command('status').stdout.split('\n')[0]!

withDaemon(
  'while iptables hangs the daemon shows that it lives, and nftables takes over',
  folder => `denied_file = "${folder}/denied"`,
  async daemon => {
    const program = await startBeside(daemon, '/usr/sbin/iptables-save')
    daemon.write(1)
    daemon.command('block', '192.0.2.1')
    await until('it is dropped', () => daemon.isDropped('192.0.2.1'))
    program.hang()
    // Somebody changes the chain: the daemon looks at it.
    const { name } = daemon.namespace
    execFileSync('ip', ['netns', 'exec', name, 'iptables', '-A', 'MODWARDEN', '-s', '192.0.2.99', '-j', 'DROP'])
    const said = new Set<string>()
    await until(
      'nftables has taken over, and works',
      () => {
        said.add(firstLine(daemon))
        return told(daemon, 'firewall.recovered').length > 0
      },
      80_000,
    )
    assert.deepEqual(
      [...said].filter(line => /hangs/.test(line)),
      [],
    )
    assert.ok([...said].some(line => line.startsWith('NOT protected: the firewall takes no changes')))
    assert.deepEqual([told(daemon, 'firewall.switched')[0]?.to, daemon.exitCode()], ['nftables', null])
    assert.match(firstLine(daemon), /^Protected .* dropped by nftables/)
    program.heal()
  },
)
