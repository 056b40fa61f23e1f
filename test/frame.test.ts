import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const sources = (folder: string) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .map(name => join(folder, name))
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

test('no source file is longer than 300 lines', () => {
  const long = ['src', 'test', 'scripts', 'bench'].flatMap(sources).filter(path => read(path).split('\n').length > 300)
  assert.deepEqual(long, [])
})

test('core is pure: it imports only core, the address types and pure libraries, and asks neither the clock nor chance', () => {
  for (const path of sources('src/core')) {
    const imports = [...read(path).matchAll(/from '([^']+)'/g)].map(match => match[1]!)
    for (const name of imports) {
      const isCore = name.startsWith('.') && join(path, '..', name).startsWith('src/core/')
      assert.ok(isCore || ['node:net', 'node:crypto', 'valibot', 'ml-isolation-forest'].includes(name), `${path} imports ${name}`)
    }
    assert.doesNotMatch(read(path).replace(/\/\/.*|\/?\*.*/g, ''), /Date\.now|new Date\(\)|performance\.now|process\./, path)
  }
})

test('only the store holds SQL, only run-command starts programs, only main ends the process', () => {
  for (const path of sources('src')) {
    const text = read(path)
    if (!path.startsWith('src/edge/store/')) assert.doesNotMatch(text, /\b(SELECT|INSERT INTO|DELETE FROM)\b/, path)
    if (path !== 'src/edge/run-command.ts') assert.doesNotMatch(text, /node:child_process/, path)
    if (path !== 'src/main.ts') assert.doesNotMatch(text, /process\.exit\(/, path)
  }
})

test('the package lists what is installed for it, and nothing downloads from elsewhere', () => {
  const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, { hasInstallScript?: boolean }> }
  const scripted = Object.entries(lock.packages).filter(([, entry]) => entry.hasInstallScript)
  assert.deepEqual(
    scripted.map(([name]) => name),
    [],
    'no package may need an install script',
  )
  assert.match(execFileSync(process.execPath, ['--version'], { encoding: 'utf8' }), /^v24\./)
})
