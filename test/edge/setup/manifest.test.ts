import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { withBlock } from '../../../src/core/setup/steps.ts'
import type { Step } from '../../../src/core/setup/types.ts'
import type { Run } from '../../../src/edge/run-command.ts'
import { applySteps } from '../../../src/edge/setup/apply.ts'
import { realPlace } from '../../../src/edge/setup/files.ts'
import { type Manifest, openManifest } from '../../../src/edge/setup/manifest.ts'
import { putBack, takeBackFrom } from '../../../src/edge/setup/take-back.ts'

const skip = process.getuid?.() === 0 ? false : 'needs root to give files to their owners'
const LATIN = 'Gr\u00fc\u00dfe\n'

/** A folder with files of others, and steps that change it in every way. */
function world() {
  const root = mkdtempSync(join(tmpdir(), 'modwarden-setup-'))
  const at = (name: string) => join(root, 'etc', name)
  mkdirSync(at('crs'), { recursive: true })
  writeFileSync(at('crs/before.conf'), LATIN, 'latin1')
  writeFileSync(at('first.toml'), 'mode = "observe"\n')
  chmodSync(at('first.toml'), 0o640)
  chownSync(at('first.toml'), 12, 34)
  const file = (path: string, before: string | null, after: string | null, block = false): Step => ({
    kind: 'file',
    path: at(path),
    before,
    after,
    mode: 0o644,
    block,
    why: path,
  })
  const run = (word: string): Step => ({ kind: 'run', run: ['do', word], undo: ['undo', word], why: word })
  const steps: Step[] = [
    { kind: 'folder', path: at('plugins'), mode: 0o755, why: 'folder' },
    file('plugins/a.conf', null, 'a\n'),
    file('deep/er/b.conf', null, 'b\n'),
    run('one'),
    file('crs/before.conf', LATIN, withBlock(LATIN, 'Include a'), true),
    { kind: 'link', path: at('link'), target: 'plugins/a.conf', why: 'link' },
    file('first.toml', 'mode = "observe"\n', null),
    file('plugins/a.conf', 'a\n', 'a, again\n'),
    run('two'),
  ]
  return { root, at, steps, folder: join(root, 'var') }
}

function snapshot(root: string): string[] {
  return readdirSync(join(root, 'etc'), { recursive: true, encoding: 'utf8' })
    .sort()
    .map(name => {
      const path = join(root, 'etc', name)
      const stat = lstatSync(path)
      const what = stat.isSymbolicLink() ? readlinkSync(path) : stat.isFile() ? readFileSync(path, 'hex') : ''
      return `${name} ${stat.mode.toString(8)} ${stat.uid}:${stat.gid} ${what}`
    })
}

/** Programs that only say what they are asked; those that are done leave a mark, as programs that change a system do. */
function programs(limit = Number.POSITIVE_INFINITY): { run: Run; done: Set<string> } {
  const done = new Set<string>()
  let left = limit
  return {
    done,
    run: async (program, args) => {
      if (left-- === 0) throw new Error('killed')
      if (program === 'do') done.add(args[0]!)
      else done.delete(args[0]!)
      return ''
    },
  }
}

/** A manifest of a process that is killed once it has written its n-th entry, and before it does what that says. */
function killedAfter(manifest: Manifest, entries: number): Manifest {
  return {
    ...manifest,
    add(server, entry) {
      manifest.add(server, entry)
      if (manifest.entries().length === entries) throw new Error('killed')
    },
  }
}

test('a run that is killed at any step is taken back whole', { skip }, async () => {
  for (let killedAt = 1; killedAt < 30; killedAt++) {
    const { root, steps, folder, at } = world()
    const before = snapshot(root)
    const { run, done } = programs()
    const manifest = openManifest(folder)
    const isKilled = await applySteps(steps, { manifest: killedAfter(manifest, killedAt), server: 'apache', run }).then(
      () => false,
      () => true,
    )
    // What a write leaves when it is killed.
    const last = manifest.entries().at(-1)!
    if (isKilled && last.kind === 'file')
      writeFileSync(
        last.path.replace(/[^/]+$/, name => `.${name}.77-0.new`),
        'half',
      )
    manifest.close()

    const next = openManifest(folder)
    assert.equal(next.finished(), 0)
    // The undo is killed as well, when it has taken an entry back and not yet forgotten it.
    const killed = { ...next, cut: () => assert.fail('killed') }
    await assert.rejects(takeBackFrom(killed, 0, run))
    assert.deepEqual(await takeBackFrom(next, 0, run), [])
    assert.deepEqual(snapshot(root), before, `killed at entry ${killedAt}`)
    assert.deepEqual([...done], [])
    assert.deepEqual(next.entries(), [])
    next.close()
    assert.ok(existsSync(at('first.toml')))
    rmSync(root, { recursive: true })
    if (!isKilled) return assert.ok(killedAt > steps.length, 'every step was killed once')
  }
  assert.fail('it never came to its end')
})

test('what was taken back can be put back, entry by entry', { skip }, async () => {
  const { root, steps, folder } = world()
  const { run, done } = programs()
  const manifest = openManifest(folder)
  await applySteps(steps, { manifest, server: 'apache', run })
  manifest.finish()
  const after = snapshot(root)
  const entries = manifest.entries()
  await takeBackFrom(manifest, 0, run)
  assert.notDeepEqual(snapshot(root), after)
  assert.deepEqual(await putBack(entries, { manifest, server: 'apache', run }), [])
  assert.deepEqual([manifest.entries(), manifest.finished()], [entries, entries.length])
  assert.deepEqual(snapshot(root), after)
  assert.deepEqual([...done], ['one', 'two'])
  manifest.close()
  rmSync(root, { recursive: true })
})

test('what somebody has edited is left, told, and its earlier text kept; the rest is taken back', { skip }, async () => {
  const { root, steps, folder, at } = world()
  const { run } = programs()
  const manifest = openManifest(folder)
  await applySteps(steps, { manifest, server: 'apache', run })
  writeFileSync(at('first.toml'), 'mine\n')
  writeFileSync(at('deep/er/b.conf'), 'mine\n')
  writeFileSync(at('crs/before.conf'), `${withBlock(LATIN, 'Include a')}mine\n`, 'latin1')
  const notes = await takeBackFrom(manifest, 0, run)
  assert.equal(notes.length, 2)
  assert.match(notes.join('\n'), /first\.toml was edited .*; what it was before is kept in (\S+)/)
  const kept = /kept in (\S+)/.exec(notes.join('\n'))![1]!
  assert.equal(readFileSync(kept, 'utf8'), 'mode = "observe"\n')
  assert.equal(lstatSync(kept).mode & 0o777, 0o600)
  assert.match(notes.join('\n'), /b\.conf was edited .*; remove it if you do not need it/)
  assert.equal(readFileSync(at('first.toml'), 'utf8'), 'mine\n')
  assert.equal(readFileSync(at('crs/before.conf'), 'latin1'), `${LATIN}mine\n`)
  assert.ok(!existsSync(at('plugins')))
  manifest.close()
  rmSync(root, { recursive: true })
})

test('an undo goes on past a step that fails, and tells it', { skip }, async () => {
  const { root, steps, folder } = world()
  const before = snapshot(root)
  const manifest = openManifest(folder)
  await applySteps(steps, { manifest, server: 'apache', run: programs().run })
  const failing: Run = async (_, args) => {
    if (args[0] === 'two') throw new Error('no such module')
    return ''
  }
  assert.match((await takeBackFrom(manifest, 0, failing)).join('\n'), /no such module/)
  assert.deepEqual(snapshot(root), before)
  manifest.close()
  rmSync(root, { recursive: true })
})

test('a file that changed between the plan and the change is not overwritten', { skip }, async () => {
  const { root, steps, folder, at } = world()
  const manifest = openManifest(folder)
  writeFileSync(at('crs/before.conf'), 'changed meanwhile\n')
  await assert.rejects(
    applySteps(steps, { manifest, server: 'apache', run: programs().run }),
    /before\.conf has changed meanwhile; run this again/,
  )
  assert.equal(readFileSync(at('crs/before.conf'), 'utf8'), 'changed meanwhile\n')
  manifest.close()
  rmSync(root, { recursive: true })
})

test('a link is followed to where the file is, but never into a package', { skip }, async () => {
  const { root, folder, at } = world()
  const manifest = openManifest(folder)
  mkdirSync(at('real'))
  writeFileSync(at('real/x.conf'), 'a\n')
  symlinkSync('real/x.conf', at('x.conf'))
  symlinkSync('nowhere', at('y.conf'))
  symlinkSync('/usr/bin/env', at('z.conf'))
  const step: Step = { kind: 'file', path: at('x.conf'), before: 'a\n', after: 'b\n', mode: 0o644, block: false, why: '' }
  await applySteps([step], { manifest, server: 'apache', run: programs().run })
  assert.equal(readFileSync(at('real/x.conf'), 'utf8'), 'b\n')
  assert.ok(lstatSync(at('x.conf')).isSymbolicLink())
  // Only asked, and never written to: nothing of the machine may depend on this test.
  assert.throws(() => realPlace(at('y.conf')), /is a link to nothing/)
  assert.throws(() => realPlace(at('z.conf')), /belongs to a package/)
  manifest.close()
  rmSync(root, { recursive: true })
})

test('the manifest is root’s alone, is refused when it is damaged, and is one process’s at a time', { skip }, () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'modwarden-manifest-')), 'x')
  const manifest = openManifest(folder)
  manifest.add('nginx', { kind: 'folder', path: '/x', mode: 0o755, why: '' })
  assert.equal(lstatSync(folder).mode & 0o777, 0o700)
  assert.equal(lstatSync(join(folder, 'manifest.json')).mode & 0o777, 0o600)
  assert.throws(() => openManifest(folder), /another process holds .*lock; try again/)
  manifest.close()
  writeFileSync(join(folder, 'manifest.json'), '{"version":')
  assert.throws(() => openManifest(folder), /manifest\.json cannot be read: .*; move it away, and undo by hand/)
  writeFileSync(join(folder, 'manifest.json'), '{"version":2}')
  assert.throws(() => openManifest(folder), /written by a newer modwarden/)
  rmSync(folder, { recursive: true })
})

test('whoever only looks makes nothing and waits for nobody', () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'modwarden-manifest-')), 'x')
  const looking = openManifest(folder, { isDry: true })
  assert.deepEqual(looking.entries(), [])
  looking.close()
  assert.ok(!existsSync(folder))
  const changing = openManifest(folder)
  changing.add('nginx', { kind: 'folder', path: '/x', mode: 0o755, why: '' })
  assert.equal(openManifest(folder, { isDry: true }).server(), 'nginx')
  changing.close()
  rmSync(folder, { recursive: true })
})
