import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { debianChangelog } from '../scripts/reference/changelog.ts'
import { example } from '../scripts/reference/roff.ts'
import { createFrame } from '../src/cli/frame.ts'
import { registerAll, registerNamed } from '../src/cli/program.ts'
import { SETTINGS } from '../src/core/settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'modwarden-reference-'))
execFileSync(process.execPath, [fileURLToPath(new URL('../scripts/write-reference.ts', import.meta.url)), folder, '1767398400'])
after(() => rmSync(folder, { recursive: true }))

const frame = createFrame()
await registerAll(frame)
const commands = frame.program.commands
const skip = spawnSync('man', ['--version']).status === 0 ? false : 'needs the program man (scripts/setup-debian installs it)'

/** A manual page as a terminal shows it, without its line breaks. */
function shown(name: string): string {
  const env = { ...process.env, MANWIDTH: '500', LC_ALL: 'C.UTF-8', MANOPT: '', MAN_KEEP_FORMATTING: '' }
  const { stdout, stderr, status } = spawnSync('man', ['--warnings', '-l', join(folder, name)], { encoding: 'utf8', env })
  assert.deepEqual([stderr, status], ['', 0])
  return stdout.replace(/\s+/g, ' ')
}

test('the man page holds every command with its options and its example, in the words of --help', { skip }, () => {
  const page = shown('modwarden.8')
  assert.match(page, /modwarden 0\.\S+ 2026-01-03 MODWARDEN\(8\)/)
  assert.match(page, /NAME modwarden - threat response/)
  for (const command of commands) {
    assert.ok(page.includes(`modwarden ${command.name()} ${command.usage()} `), command.name())
    const help = command.createHelp()
    for (const option of help.visibleOptions(command).filter(({ long }) => long !== '--help'))
      assert.ok(page.includes(`${help.optionTerm(option)} ${help.optionDescription(option)}`), `${command.name()} ${option.flags}`)
  }
  assert.equal(page.match(/ Examples?: \S/g)?.length, commands.length)
  assert.ok(page.includes(`echo '{"uri":"/test","headers":{}}' | modwarden score`), 'signs that roff would change')
})

test('each command is there by its name, without the code of the others', async () => {
  for (const name of commands.map(command => command.name()))
    for (const args of [[name], ['--config', 'x', name], ['--config=x', name, '--help']]) {
      const alone = createFrame()
      await registerNamed(alone, args)
      const found = alone.program.commands.map(command => command.name())
      assert.ok(found.includes(name) && found.length <= 2, `${args}: ${found}`)
    }
  const all = createFrame()
  await registerNamed(all, ['--config', 'status'])
  assert.equal(all.program.commands.length, commands.length)
})

test('the page of the settings holds every key with its default and its help', { skip }, () => {
  const page = shown('modwarden.toml.5')
  for (const { key, help } of Object.values(SETTINGS))
    assert.ok(page.includes(` ${key.split('.').at(-1)} = `) && page.includes(help.replace(/\s+/g, ' ')), key)
  assert.match(page, / block_time = "1h" How long .* \[score\] socket = "\/run/)
})

test('text comes out of man as it went in', { skip }, () => {
  const lines = ['.dot', "'quoted'", 'back\\slash \\fB', '`command` ^~ a-b --c', '"twice" (…)']
  writeFileSync(join(folder, 'signs.8'), `.TH S 8\n.SH SIGNS\n${example(lines).join('\n')}\n`)
  assert.ok(shown('signs.8').includes(lines.join(' ')), shown('signs.8'))
})

test('the changelog is one that Debian reads, and holds every point', () => {
  const markdown =
    '# Changelog\n\n## Unreleased\n\n- One `point` that is so long that it must be wrapped, because nobody reads lines as long as this one.\n- Two\n  lines.\n\n## 0.1.0\n\n- First.\n'
  assert.equal(
    debianChangelog(markdown, { version: '0.2.0', maintainer: 'somebody <somebody@example.org>', at: 1_767_398_400_000 }),
    `modwarden (0.2.0) unstable; urgency=medium

  * One \`point\` that is so long that it must be wrapped, because nobody
    reads lines as long as this one.
  * Two lines.

 -- somebody <somebody@example.org>  Sat, 03 Jan 2026 00:00:00 +0000

modwarden (0.1.0) unstable; urgency=medium

  * First.

 -- somebody <somebody@example.org>  Sat, 03 Jan 2026 00:00:00 +0000
`,
  )
  const shipped = readFileSync(join(folder, 'changelog'), 'utf8')
  const points = readFileSync(new URL('../CHANGELOG.md', import.meta.url), 'utf8').match(/^- /gm)
  assert.equal(shipped.match(/^ {2}\* /gm)?.length, points?.length)
})

/** What bash offers for the last of some words. */
function completed(...words: string[]): string[] {
  const script = `. "$1"; shift; COMP_WORDS=(modwarden "$@"); COMP_CWORD=$#; _modwarden; printf '%s\\n' "\${COMPREPLY[@]}"; complete -p modwarden >&2`
  const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', join(folder, 'modwarden.bash'), ...words], { encoding: 'utf8' })
  assert.equal(stderr, 'complete -F _modwarden modwarden\n')
  return stdout.split('\n').filter(word => word !== '')
}

const cases = [
  { words: ['blo'], offers: ['blocks', 'block'] },
  { words: ['--con'], offers: ['--config'] },
  { words: ['--config', 'my.toml', 'res'], offers: ['resume', 'restore'] },
  { words: ['block', '--r'], offers: ['--reason'] },
  { words: ['block', '--for', ''], offers: [] },
  { words: ['export', '--format', 'n'], offers: ['nginx'] },
  { words: ['unblock', ''], offers: [] },
  { words: ['setup', 'n'], offers: ['nginx'] },
  { words: ['setup', 'nginx', '--e'], offers: ['--enforce'] },
  { words: ['help', 'ev'], offers: ['events', 'evaluate'] },
]
for (const { words, offers } of cases)
  test(`bash offers ${offers.join(', ') || 'nothing'} after ${words.join(' ')}`, () => assert.deepEqual(completed(...words), offers))

test('bash offers every command, and the names of files where a file is asked for', () => {
  const names = commands.map(command => command.name())
  assert.deepEqual(
    completed('').filter(word => !word.startsWith('-')),
    [...names, 'help'],
  )
  const script = readFileSync(join(folder, 'modwarden.bash'), 'utf8')
  assert.match(script, /train,--from\) compopt -o default/)
  assert.match(script, /^ {4}replay\) .* files=yes ;;$/m)
  assert.match(script, /^ {4}blocks\) .* files= ;;$/m)
})
