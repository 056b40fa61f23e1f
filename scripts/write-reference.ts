// Writes what the package ships beside the program, from the same tables as --help and docs/settings.md:
// node scripts/write-reference.ts DIR [DAY]
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createFrame } from '../src/cli/frame.ts'
import { registerAll } from '../src/cli/program.ts'
import { VERSION } from '../src/version.ts'
import { commandPage } from './reference/command-page.ts'
import { bashCompletion } from './reference/completion.ts'
import { settingsPage } from './reference/settings-page.ts'

const [folder = '.', date = new Date().toISOString().slice(0, 10)] = process.argv.slice(2)
const frame = createFrame()
registerAll(frame)
mkdirSync(folder, { recursive: true })
const page = { version: VERSION, date }
writeFileSync(join(folder, 'modwarden.8'), commandPage(frame.program, page))
writeFileSync(join(folder, 'modwarden.toml.5'), settingsPage(page))
writeFileSync(join(folder, 'modwarden.bash'), bashCompletion(frame.program))
