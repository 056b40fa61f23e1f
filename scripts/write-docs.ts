// Writes docs/settings.md and docs/modwarden.toml.sample from the table of settings: npm run docs
import { writeFileSync } from 'node:fs'
import { settingsMarkdown, settingsSample } from '../src/core/settings-text.ts'

const docs = new URL('../docs/', import.meta.url)
writeFileSync(new URL('settings.md', docs), settingsMarkdown())
writeFileSync(new URL('modwarden.toml.sample', docs), settingsSample())
