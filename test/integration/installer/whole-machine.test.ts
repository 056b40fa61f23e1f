// Runs inside the container that test/integration/installer-machine.test.ts boots: scripts/install and scripts/uninstall on a whole machine that says
// it is Rocky Linux 9. The package manager and the programs of SELinux are stand-ins.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { before, test } from 'node:test'
import { until } from '../../until.ts'
import { isActive, isDropped, out, property, rules, unitsOf } from '../package/container.ts'
import { put, putProgram, runScript } from './fakes.ts'

const TREE = process.env.TREE!
const SETTINGS = '/etc/modwarden/modwarden.toml'
const FIREWALLS = ['/usr/sbin/iptables', '/usr/sbin/nft']
const [AWAY, FAKES, FAILING] = ['/opt/away', '/opt/fakes', '/opt/failing']
const REAL = process.env.PATH
/** What the stand-ins for SELinux's programs were told. */
const [CONTEXTS, LABELLED] = ['/run/contexts', '/run/labelled']
const PROGRAMS = '/usr/lib/modwarden/(modwarden|node) all files bin_t'
const install = (path = `${FAKES}:${REAL}`) => runScript('install', ['--built', TREE], { path })
const uninstall = (...args: string[]) => runScript('uninstall', args, { path: `${FAKES}:${REAL}` })

/** What is on the disk, and who is known: all that an installation could leave. What systemd and the journal write by themselves is left out. */
function machine(): Set<string> {
  const noise = '.*/(passwd-|group-|shadow-|gshadow-|\\.pwd\\.lock)'
  const skip = ['/var/log/journal', TREE, process.cwd()].flatMap(path => ['-path', path, '-prune', '-o'])
  const what = ['-regextype', 'egrep', '-not', '-regex', noise, '-not', '-path', '/var/lib/systemd/*', '-printf', '%p %y %m %u %g %l\\n']
  const find = (depth: number, ...folders: string[]) =>
    execFileSync('find', [...folders, '-maxdepth', `${depth}`, ...skip, ...what], { encoding: 'utf8', maxBuffer: 2 ** 28 })
  // Nothing of ours would lie deeper in /usr without a folder of ours above it.
  const paths = find(9, '/etc', '/opt', '/srv') + find(3, '/var') + find(4, '/usr')
  const known = ['/etc/passwd', '/etc/group', '/etc/shadow', '/etc/gshadow'].map(path => readFileSync(path, 'utf8'))
  const ours = out('find', '/run', '/var/lib/systemd', '-name', '*modwarden*', '-not', '-path', '*/transient/*')
  return new Set([paths, ...known, ours].flatMap(text => text.split('\n')))
}
function assertUntouched(): void {
  assert.equal(readFileSync(CONTEXTS, 'utf8').trim(), '')
  const now = machine()
  assert.deepEqual(
    [[...now].filter(line => !untouched.has(line)), [...untouched].filter(line => !now.has(line))],
    [[], []],
    'what is there now, and what is gone',
  )
}

/** Whether the installation's manifest names something of a kind. */
const isRecorded = (kind: string) =>
  readFileSync('/var/lib/modwarden-install/manifest', 'utf8')
    .split('\n')
    .some(line => line.startsWith(`${kind}\t`))

let untouched: Set<string>
before(() => {
  rmSync('/etc/os-release')
  writeFileSync(
    '/etc/os-release',
    'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\nPRETTY_NAME="Rocky Linux 9.4 (Blue Onyx)"\n',
  )
  // A machine without a firewall program, until dnf brings it.
  for (const folder of [AWAY, FAKES]) mkdirSync(folder)
  putProgram(FAKES, 'dnf', `echo "$@" > /run/dnf-was-asked; mv ${AWAY}/* /usr/sbin/`)
  putProgram(FAKES, 'rpm', `[ "$*" = '-e iptables-nft nftables' ] && mv ${FIREWALLS.join(' ')} ${AWAY}/`)
  putProgram(FAKES, 'selinuxenabled', 'exit 0')
  // It fails for what is not there, as the real one, unless it is told to ignore that.
  putProgram(FAKES, 'restorecon', `for path; do echo "$path" >> ${LABELLED}; [[ $* == *-i* || $path == -* || -e $path ]] || exit 255; done`)
  const semanage = {
    '-l': `cat ${CONTEXTS}`,
    '-a': `echo "$5 all files $4" >> ${CONTEXTS}`,
    '-d': `grep -vF "$3 " ${CONTEXTS} | sponge; true`,
  }
  putProgram(
    FAKES,
    'semanage',
    `sponge() { local text; text=$(cat); echo "$text" > ${CONTEXTS}; }\ncase $2 in\n${Object.entries(semanage)
      .map(([option, does]) => `${option}) ${does} ;;`)
      .join('\n')}\nesac`,
  )
  writeFileSync(CONTEXTS, '')
  for (const path of FIREWALLS) renameSync(path, path.replace('/usr/sbin', AWAY))
  untouched = machine()
})

test('a step that fails late takes back everything, packages and users too', () => {
  // Settings of somebody's, with which the daemon does not start.
  put(SETTINGS, 'block_time = "soon"\n')
  const { status, said } = install()
  assert.equal(status, 1)
  assert.match(said, /-- dnf install iptables-nft nftables\n/)
  assert.match(said, /block_time: must be a duration[\s\S]*\.service does not run; its last words are above/)
  assert.match(said, /not finished, at: start .*; what was done is taken back\ninstall: the machine is as it was before\n/)
  rmSync('/etc/modwarden', { recursive: true })
  assertUntouched()
  assert.equal(property('modwarden', 'LoadState'), 'not-found')
  assert.equal(out('systemctl', 'list-units', '--failed', '--no-legend', '--plain', 'modwarden*'), '')
})

test('after a kill in the middle, an uninstallation leaves nothing', () => {
  putProgram(FAILING, 'systemd-tmpfiles', '/usr/bin/systemd-tmpfiles "$@"; kill -9 $SCRIPT')
  assert.equal(install(`${FAILING}:${FAKES}:${REAL}`).status, -1)
  assert.ok(existsSync('/usr/lib/modwarden/node') && out('getent', 'passwd', 'modwarden') !== '')
  rmSync(FAILING, { recursive: true })
  const { status, said } = uninstall('--purge')
  assert.equal(status, 0, said)
  assert.match(said, /an earlier run was interrupted: what it did is taken back first/)
  assertUntouched()
})

test('an installation is active, observes, and needs nothing of the system but what dnf brought', () => {
  const { status, said } = install()
  assert.equal(status, 0, said)
  assert.equal(readFileSync('/run/dnf-was-asked', 'utf8'), 'install -y iptables-nft nftables\n')
  assert.match(said, /It observes and blocks nobody yet; 'modwarden setup apache' \(or nginx\) goes on/)
  const staying = unitsOf('service').filter(name => property(name, 'Type') !== 'oneshot' && name !== 'modwarden-notify.service')
  for (const unit of [...unitsOf('timer'), ...staying])
    assert.deepEqual([property(unit, 'UnitFileState'), isActive(unit)], ['enabled', true], unit)
  assert.deepEqual(
    [property('modwarden-restore', 'UnitFileState'), property('modwarden-restore', 'ExecMainStartTimestamp')],
    ['enabled', ''],
  )
  assert.match(out('modwarden', 'check'), /mode observe/)
  assert.equal(readFileSync(CONTEXTS, 'utf8').trim(), PROGRAMS)
  const labelled = readFileSync(LABELLED, 'utf8').split('\n')
  for (const path of ['/usr/lib/modwarden', '/var/lib/modwarden', '/etc/modwarden', '/usr/lib/systemd/system/modwarden.service'])
    assert.ok(labelled.includes(path), path)
  assert.equal(
    out('stat', '-c', '%U %G %a', '/var/lib/modwarden-outbox', '/usr/lib/modwarden/node'),
    'modwarden modwarden-notify 2770\nroot root 755\n',
  )
  assert.equal(property('modwarden-score', 'SupplementaryGroups'), '', 'no web server yet')
})

test('a second run changes nothing', () => {
  const times = () =>
    out(
      'find',
      '/usr/lib/modwarden',
      '/usr/lib/systemd/system',
      '/etc',
      '/var/lib/modwarden-install',
      '-not',
      '-name',
      'lock',
      '-type',
      'f',
      '-printf',
      '%p %T@\\n',
    )
  const [pids, was] = [() => ['modwarden', 'modwarden-score'].map(unit => property(unit, 'MainPID')), times()]
  const running = pids()
  const { status, said } = install()
  assert.equal(status, 0, said)
  assert.match(said, /all was in place already\n$/)
  assert.equal(times(), was)
  assert.deepEqual(pids(), running)
})

test('what was stopped or disabled stays so, and a web server that came later gets the socket of the scoring server', () => {
  out('systemctl', 'disable', '--quiet', '--now', 'modwarden-report.timer')
  out('groupadd', '--system', 'apache')
  const { status, said } = install()
  assert.equal(status, 0, said)
  assert.match(said, /it is up to date\n$/)
  assert.deepEqual([property('modwarden-report.timer', 'UnitFileState'), isActive('modwarden-report.timer')], ['disabled', false])
  assert.equal(property('modwarden-score', 'SupplementaryGroups'), 'apache')
  assert.equal(out('sh', '-c', 'stat -c %G /run/modwarden-score/*.sock'), 'apache\n')
  out('groupdel', 'apache')
})

test('it blocks when it is told to, and an uninstallation takes the rules away and keeps the state', async () => {
  rmSync('/etc/modwarden/conf.d/00-first.toml')
  out('systemctl', 'restart', 'modwarden')
  out('modwarden', 'block', '198.51.100.7', '--for', '1h')
  await until('it is dropped', () => isDropped('198.51.100.7'))
  assert.match(execFileSync('iptables', ['-S'], { encoding: 'utf8' }), /-A MODWARDEN -s 198\.51\.100\.7\/32 -j DROP/)
  // Killed when the files are gone, it goes on.
  putProgram(FAILING, 'systemctl', '[ "$*" != daemon-reload ] || kill -9 $SCRIPT\nexec /usr/bin/systemctl "$@"')
  assert.equal(runScript('uninstall', [], { path: `${FAILING}:${FAKES}:${REAL}` }).status, -1)
  rmSync(FAILING, { recursive: true })
  assert.ok(!existsSync('/usr/lib/modwarden') && isRecorded('unit'))
  const { status, said } = uninstall()
  assert.equal(status, 0, said)
  assert.ok(!isRecorded('unit'))
  assert.doesNotMatch(rules(), /modwarden/i)
  for (const path of ['/usr/lib/modwarden', '/usr/bin/modwarden', '/run/modwarden']) assert.ok(!existsSync(path), path)
  for (const path of ['/var/lib/modwarden/modwarden.db', SETTINGS]) assert.ok(existsSync(path), path)
})

test('a purge leaves nothing but the packages, and says so', () => {
  const { status, said } = uninstall('--purge')
  assert.equal(status, 0, said)
  assert.match(said, /nothing of it is left/)
  for (const path of FIREWALLS) renameSync(path, path.replace('/usr/sbin', AWAY))
  assertUntouched()
})
