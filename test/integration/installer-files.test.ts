import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { put, putProgram, runScript } from './installer/fakes.ts'

// What scripts/install and scripts/uninstall do with files, below a folder of the test and with a small tree. On a whole machine: systemd.test.ts.
const folder = mkdtempSync(join(tmpdir(), 'modwarden-installer-'))
after(() => rmSync(folder, { recursive: true }))
const root = join(folder, 'root')
const at = (path: string) => join(root, path)
const SETTINGS = '/etc/modwarden/modwarden.toml'
const FIRST = '/etc/modwarden/conf.d/00-first.toml'

/** A tree as scripts/lay-out makes it, but small. */
function makeTree(version: string, files: Record<string, string> = {}): string {
  const tree = join(folder, `tree-${version}`)
  putProgram(join(tree, 'usr/lib/modwarden'), 'node', 'echo v24')
  const texts = {
    'usr/lib/modwarden/dist/main.js': version,
    'usr/lib/modwarden/node_modules/a/index.js': 'a',
    'usr/share/doc/modwarden/README.md': 'read me',
    'usr/lib/systemd/system/modwarden.service': `[Service]\nExecStart=/usr/bin/modwarden ${version}\n[Install]\n`,
    'usr/lib/sysusers.d/modwarden.conf': 'u modwarden -\n',
    'usr/lib/tmpfiles.d/modwarden.conf': 'd /var/lib/modwarden 0750 modwarden adm -\n',
    'etc/modwarden/modwarden.toml': '# sample\n',
    'etc/modwarden/conf.d/00-first.toml': 'mode = "observe"\n',
    ...files,
  }
  for (const [path, text] of Object.entries(texts)) put(join(tree, path), text)
  return tree
}
const first = makeTree('1', { 'usr/lib/systemd/system/modwarden-old.timer': '[Timer]\n', 'usr/lib/modwarden/dist/old.js': 'old' })
const second = makeTree('2', { 'usr/share/man/man8/modwarden.8.gz': 'page', 'etc/modwarden/modwarden.toml': '# another sample\n' })

const install = (tree: string, path = process.env.PATH!) => runScript('install', ['--prefix', root, '--built', tree], { path })
const uninstall = (...args: string[]) => runScript('uninstall', ['--prefix', root, ...args])
function did({ status, said }: { status: number | null; said: string }): string {
  assert.equal(status, 0, said)
  return said
}
/** Every path with its kind, permissions, content and, where asked, time. */
function listing(withTimes = false): string {
  const format = `%P %y %m %l${withTimes ? ' %T@' : ''}\\n`
  const names = execFileSync(
    'find',
    [root, '-not', '-name', 'lock', '(', '-type', 'd', '-printf', '%P %y %m\\n', '-o', '-printf', format, ')'],
    { encoding: 'utf8' },
  )
  const contents = execFileSync('sh', ['-c', 'find . -type f -exec sha256sum {} +'], { cwd: root, encoding: 'utf8' })
  return [names, contents].map(text => text.split('\n').sort().join('\n')).join('\n')
}

beforeEach(() => {
  rmSync(root, { recursive: true, force: true })
  put(at('/etc/os-release'), 'ID=rocky\nVERSION_ID=9.4\n')
  put(at('/etc/group'), 'root:x:0:\n')
  put(at('/usr/lib/systemd/system/other.service'), '')
  put(at('/var/lib/other/state'), '')
})

test('an installation puts the files in place, a second one changes nothing, a purge leaves nothing', () => {
  const before = listing()
  assert.match(did(install(first)), /install: done\./)
  assert.equal(readFileSync(at('/usr/lib/modwarden/dist/main.js'), 'utf8'), '1')
  assert.equal(execFileSync(at('/usr/lib/modwarden/node'), { encoding: 'utf8' }), 'v24\n')
  const installed = listing(true)
  assert.match(did(install(first)), /install: all was in place already/)
  assert.equal(listing(true), installed)
  assert.match(did(uninstall('--purge')), /nothing of it is left/)
  assert.equal(listing(), before)
  assert.match(did(uninstall()), /has put nothing here/)
})

test('the group of the web server is that of this machine, as soon as there is one', () => {
  const dropIn = at('/usr/lib/systemd/system/modwarden-score.service.d/40-web-server.conf')
  const settings = at('/etc/modwarden/conf.d/01-web-server.toml')
  did(install(first))
  assert.match(readFileSync(dropIn, 'utf8'), /\nSupplementaryGroups=\n$/)
  assert.match(readFileSync(settings, 'utf8'), /\ngroup = "modwarden-score"\n/)
  put(at('/etc/group'), 'root:x:0:\nnginx:x:990:\napache:x:48:\n')
  assert.match(did(install(first)), /it is up to date/)
  assert.match(readFileSync(dropIn, 'utf8'), /\nSupplementaryGroups=\nSupplementaryGroups=apache\n$/)
  assert.match(readFileSync(settings, 'utf8'), /\ngroup = "apache"\n/)
})

test('an upgrade keeps what was edited, leaves away what was deleted, and removes what is no more', () => {
  did(install(first))
  writeFileSync(at(SETTINGS), 'block_time = "2h"\n')
  rmSync(at(FIRST))
  assert.match(did(install(second)), /modwarden\.toml was edited and is kept; the new sample is \/etc\/modwarden\/modwarden\.toml\.new/)
  assert.equal(readFileSync(at(SETTINGS), 'utf8'), 'block_time = "2h"\n')
  assert.equal(readFileSync(at(`${SETTINGS}.new`), 'utf8'), '# another sample\n')
  for (const path of [FIRST, '/usr/lib/systemd/system/modwarden-old.timer', '/usr/lib/modwarden/dist/old.js'])
    assert.ok(!existsSync(at(path)), path)
  assert.equal(readFileSync(at('/usr/lib/modwarden/dist/main.js'), 'utf8'), '2')
  // Told once.
  assert.match(did(install(second)), /all was in place already/)
  did(uninstall())
  assert.equal(readFileSync(at(SETTINGS), 'utf8'), 'block_time = "2h"\n')
  for (const path of ['/usr/lib/modwarden', `${SETTINGS}.new`, '/usr/share/man']) assert.ok(!existsSync(at(path)), path)
  // Installed again, it goes on where it was.
  did(install(second))
  assert.ok(!existsSync(at(FIRST)))
  did(uninstall('--purge'))
  assert.ok(!existsSync(at('/etc/modwarden')))
})

test('what was damaged is put right by another run', () => {
  did(install(first))
  const installed = listing()
  rmSync(at('/usr/lib/modwarden/dist'), { recursive: true })
  writeFileSync(at('/usr/lib/systemd/system/modwarden.service'), '')
  assert.match(did(install(first)), /it is up to date/)
  assert.equal(listing(), installed)
})

test('what somebody else has put there is left alone, and so is everything then', () => {
  for (const path of ['/usr/lib/modwarden/theirs', '/usr/lib/systemd/system/modwarden.service']) {
    put(at(path), 'theirs')
    const before = listing()
    const { status, said } = install(first)
    assert.equal(status, 1)
    assert.match(said, /these are there already, and no run of scripts\/install has put them there/)
    assert.ok(said.includes(path.replace('/theirs', '')), said)
    assert.equal(listing(), before)
    rmSync(at(path))
  }
})

test('a Node that does not run here is found before anything is changed', () => {
  const other = makeTree('other')
  putProgram(join(other, 'usr/lib/modwarden'), 'node', 'echo no such processor >&2; exit 126')
  const before = listing()
  assert.match(install(other).said, /no such processor\ninstall: the Node that comes along does not run here/)
  assert.equal(listing(), before)
})

/** Programs that hit the installer with a signal at their call number N, before or behind what they do. */
function hitting(signal: string, call: number, behind: boolean): string {
  const fakes = join(folder, 'hitting')
  rmSync(fakes, { recursive: true, force: true })
  const count = put(join(fakes, 'count'), '0')
  const hit = `n=$(($(<${count}) + 1)); echo $n > ${count}; hit() { [ $n != ${call} ] || { kill -${signal} $SCRIPT; [ ${signal} != KILL ] || exit 1; }; }`
  for (const program of ['cp', 'mv', 'mkdir', 'rm'])
    putProgram(fakes, program, `${hit}\n${behind ? '' : 'hit\n'}/bin/${program} "$@" || exit\n${behind ? 'hit' : ''}`)
  return `${fakes}:${process.env.PATH}`
}

/** Each step is tried with EVERY_STEP=1, which takes minutes; otherwise every eighth, in turn before and behind it. */
const stride = process.env.EVERY_STEP ? 1 : 8
const firstStep = (behind: boolean) => (behind && stride > 1 ? 1 + stride / 2 : 1)

for (const behind of [false, true]) {
  const when = behind ? 'behind' : 'before'
  test(`killed ${when} whichever step, an installation is taken back whole by the next run`, t => {
    const before = listing()
    for (let call = firstStep(behind); ; call += stride) {
      const { status } = install(first, hitting('KILL', call, behind))
      if (status === 0) {
        t.diagnostic(`${call - 1} steps`)
        assert.ok(call > 30)
        break
      }
      assert.equal(status, -1)
      did(uninstall('--purge'))
      assert.equal(listing(), before, `at step ${call}`)
    }
  })

  test(`interrupted ${when} whichever step, an upgrade is taken back at once, or is complete`, t => {
    did(install(first))
    const before = listing()
    let taken = 0
    for (let call = firstStep(behind); ; call += stride) {
      const { status } = install(second, hitting('TERM', call, behind))
      if (status === 0) break
      assert.equal(status, 143)
      if (listing() === before) {
        taken++
        continue
      }
      // The last steps only throw away what was kept for the way back.
      assert.match(did(install(second)), /all was in place already/, `at step ${call}`)
      did(uninstall('--purge'))
      did(install(first))
    }
    t.diagnostic(`${taken} steps`)
    assert.ok(taken > 16 / stride)
  })
}
