import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { put, putProgram, ROOT, runScript } from './installer/fakes.ts'

// What scripts/install would do on each distribution of its list: /etc/os-release and the programs that tell of the machine are stand-ins.
const folder = mkdtempSync(join(tmpdir(), 'modwarden-installer-'))
after(() => rmSync(folder, { recursive: true }))

type Machine = {
  id: string
  like?: string
  version: string
  name: string
  glibc: string
  systemd: number
  processor?: string
  /** Programs that are there beside those of /usr/bin. */
  programs?: readonly string[]
}

let machines = 0
function dryRun({ id, like, version, name, glibc, systemd, processor = 'x86_64', programs = ['dnf'] }: Machine) {
  machines += 1
  const [prefix, fakes] = [join(folder, `${machines}/root`), join(folder, `${machines}/fakes`)]
  const lines = [
    `ID="${id}"`,
    ...(like ? [`ID_LIKE="${like}"`] : []),
    `VERSION_ID=${version}`,
    `PRETTY_NAME='${name}'`,
    'LOGO=$(touch /nowhere)',
  ]
  put(join(prefix, 'etc/os-release'), `${lines.join('\n')}\n`)
  putProgram(fakes, 'uname', `echo ${processor}`)
  putProgram(fakes, 'getconf', glibc === '' ? 'exit 1' : `echo glibc ${glibc}`)
  putProgram(fakes, 'systemctl', `[ "$*" = --version ] && echo 'systemd ${systemd} (${systemd}-1)'`)
  // A program that changes something would be seen.
  for (const program of programs) putProgram(fakes, program, program === 'selinuxenabled' ? 'exit 0' : `touch ${prefix}/${program}-ran`)
  const before = execFileSync('find', [prefix], { encoding: 'utf8' })
  // Without the sbin folders: no iptables, no nft.
  const run = runScript('install', ['--dry-run', '--prefix', prefix], { path: `${fakes}:/usr/bin:/bin` })
  assert.equal(execFileSync('find', [prefix], { encoding: 'utf8' }), before, 'nothing was changed')
  return run
}

const like = 'rhel centos fedora'
const suitable: readonly (Machine & { does: RegExp })[] = [
  { id: 'debian', version: '12', name: 'Debian GNU/Linux 12', glibc: '2.36', systemd: 252, does: /apt-get install \.\/modwarden_/ },
  {
    id: 'ubuntu',
    like: 'debian',
    version: '22.04',
    name: 'Ubuntu 22.04',
    glibc: '2.35',
    systemd: 249,
    does: /apt-get install \.\/modwarden_/,
  },
  {
    id: 'ubuntu',
    like: 'debian',
    version: '24.04',
    name: 'Ubuntu 24.04',
    glibc: '2.39',
    systemd: 255,
    processor: 'aarch64',
    does: /on arm64/,
  },
  {
    id: 'linuxmint',
    like: 'ubuntu debian',
    version: '21',
    name: 'Linux Mint 21',
    glibc: '2.35',
    systemd: 249,
    does: /is taken for that[\s\S]*apt-get/,
  },
  {
    id: 'almalinux',
    like,
    version: '9.4',
    name: 'AlmaLinux 9.4',
    glibc: '2.34',
    systemd: 252,
    does: /dnf install iptables-nft nftables\n/,
  },
  { id: 'rocky', like, version: '9.4', name: 'Rocky Linux 9.4', glibc: '2.34', systemd: 252, does: /dnf install iptables-nft nftables\n/ },
  { id: 'rocky', like, version: '10.0', name: 'Rocky Linux 10', glibc: '2.39', systemd: 257, processor: 'aarch64', does: /on arm64/ },
  { id: 'centos', like: 'rhel fedora', version: '9', name: 'CentOS Stream 9', glibc: '2.34', systemd: 252, does: /dnf install/ },
  { id: 'rhel', like: 'fedora', version: '9.4', name: 'RHEL 9.4', glibc: '2.34', systemd: 252, does: /dnf install/ },
  { id: 'ol', like: 'fedora', version: '9.4', name: 'Oracle Linux 9.4', glibc: '2.34', systemd: 252, does: /dnf install/ },
  { id: 'fedora', version: '40', name: 'Fedora 40', glibc: '2.39', systemd: 255, does: /dnf install/ },
  { id: 'amzn', like: 'fedora', version: '2023', name: 'Amazon Linux 2023', glibc: '2.34', systemd: 252, does: /dnf install/ },
  { id: 'amzn', like: 'fedora', version: '2023', name: 'without dnf', glibc: '2.34', systemd: 252, programs: ['yum'], does: /yum install/ },
  {
    ...{
      id: 'rhel',
      like: 'fedora',
      version: '9.4',
      name: 'with SELinux',
      glibc: '2.34',
      systemd: 252,
      programs: ['dnf', 'selinuxenabled'],
    },
    does: /dnf install iptables-nft nftables policycoreutils-python-utils\n[\s\S]*tell SELinux/,
  },
  {
    ...{ id: 'rocky', like, version: '9.4', name: 'with a firewall', glibc: '2.34', systemd: 252, programs: ['dnf', 'iptables', 'nft'] },
    does: /systemd 252\nwould: install the npm packages/,
  },
]

for (const { does, ...machine } of suitable)
  test(`a dry run on ${machine.name} (${machine.id}, ${machine.processor ?? 'x86_64'}) says what would be done`, () => {
    const { status, said } = dryRun(machine)
    assert.equal(status, 0, said)
    assert.match(said, does)
    assert.match(said, new RegExp(`glibc ${machine.glibc}, systemd ${machine.systemd}\n`))
    if (!said.includes('apt-get'))
      for (const step of [
        'build the program',
        'make the users modwarden ',
        'enable .*modwarden-restore.service',
        'start .*modwarden.service',
      ])
        assert.match(said, new RegExp(`would: ${step}`))
  })

const unsuitable: readonly (Machine & { says: RegExp })[] = [
  {
    id: 'centos',
    like: 'rhel fedora',
    version: '7',
    name: 'CentOS Linux 7',
    glibc: '2.17',
    systemd: 219,
    says: /glibc 2\.17, .* 2\.34 or newer; use CentOS Stream 9 or newer/,
  },
  {
    id: 'centos',
    like: 'rhel fedora',
    version: '8',
    name: 'CentOS Stream 8',
    glibc: '2.28',
    systemd: 239,
    says: /glibc 2\.28.* use CentOS Stream 9/,
  },
  { id: 'almalinux', like, version: '8.9', name: 'AlmaLinux 8.9', glibc: '2.28', systemd: 239, says: /use AlmaLinux 9/ },
  {
    id: 'amzn',
    like: 'centos rhel fedora',
    version: '2',
    name: 'Amazon Linux 2',
    glibc: '2.26',
    systemd: 219,
    says: /use Amazon Linux 2023/,
  },
  { id: 'debian', version: '11', name: 'Debian GNU/Linux 11', glibc: '2.31', systemd: 247, says: /use Debian 12/ },
  { id: 'ubuntu', like: 'debian', version: '20.04', name: 'Ubuntu 20.04', glibc: '2.31', systemd: 245, says: /use Ubuntu 22\.04/ },
  {
    id: 'fedora',
    version: '99',
    name: 'an old systemd',
    glibc: '2.100',
    systemd: 247,
    says: /systemd 247, and the units need 248 or newer/,
  },
  {
    id: 'alpine',
    version: '3.20',
    name: 'Alpine Linux',
    glibc: '',
    systemd: 0,
    says: /Alpine Linux is not known here; known are Debian, Ubuntu, .*\nOn another one: run scripts\/lay-out/,
  },
  { id: 'arch', version: '', name: 'Arch Linux', glibc: '2.40', systemd: 256, says: /not known here/ },
  {
    id: 'rocky',
    like,
    version: '9.4',
    name: 'Rocky',
    glibc: '2.34',
    systemd: 252,
    processor: 's390x',
    says: /this machine is a s390x; modwarden runs on x86_64 and aarch64/,
  },
]

for (const { says, ...machine } of unsuitable)
  test(`${machine.name} (${machine.processor ?? 'x86_64'}) is refused, and it is said why`, () => {
    const { status, said } = dryRun(machine)
    assert.equal(status, 1, said)
    assert.match(said, says)
    assert.doesNotMatch(said, /would:/)
  })

test('a wrong option says how it is used, and a machine without os-release is refused', () => {
  for (const name of ['install', 'uninstall'] as const) {
    const { status, said } = runScript(name, ['--fast'])
    assert.equal(status, 64)
    assert.match(said, new RegExp(`^Usage: sudo scripts/${name} \\[--`, 'm'))
  }
  const empty = join(folder, 'empty')
  mkdirSync(empty)
  assert.match(runScript('install', ['--dry-run', '--prefix', empty]).said, /there is no \/etc\/os-release/)
  assert.match(runScript('install', ['--built', empty]).said, /--built needs a folder that scripts\/lay-out has filled/)
})

test('what a killed run with --no-start has left no longer keeps services from starting; what others have put there does', () => {
  const policy = join(folder, 'policy-rc.d')
  const run = (commands: string) =>
    spawnSync('bash', ['-euc', `. scripts/installer/debian.sh; policy=${policy}; ${commands}`], { cwd: ROOT })
  run('hold_services; kill -9 $$')
  assert.equal(spawnSync(policy).status, 101)
  assert.equal(run('let_services_start').status, 0)
  assert.ok(!existsSync(policy))
  put(policy, '#!/bin/sh\nexit 101\n', 0o755)
  assert.equal(run('hold_services; [ -z "$held" ]; let_services_start').status, 0)
  assert.ok(existsSync(policy))
})
