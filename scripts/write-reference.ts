// Writes what the package ships beside the program, from the same tables as --help and docs/settings.md:
// node scripts/write-reference.ts DIR [SECONDS SINCE 1970]
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createFrame } from '../src/cli/frame.ts'
import { registerAll } from '../src/cli/program.ts'
import { VERSION } from '../src/version.ts'
import { debianChangelog } from './reference/changelog.ts'
import { commandPage } from './reference/command-page.ts'
import { bashCompletion } from './reference/completion.ts'
import { settingsPage } from './reference/settings-page.ts'

const [folder = '.', seconds = String(Date.now() / 1000)] = process.argv.slice(2)
const at = Number(seconds) * 1000
const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const frame = createFrame()
await registerAll(frame)
const page = { version: VERSION, date: new Date(at).toISOString().slice(0, 10) }
const maintainer = /^Maintainer: (.*)$/m.exec(read('packaging/deb/control.in'))![1]!

mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, 'modwarden.8'), commandPage(frame.program, page))
writeFileSync(join(folder, 'modwarden.toml.5'), settingsPage(page))
writeFileSync(join(folder, 'modwarden.bash'), bashCompletion(frame.program))
writeFileSync(join(folder, 'changelog'), debianChangelog(read('CHANGELOG.md'), { version: VERSION, maintainer, at }))
