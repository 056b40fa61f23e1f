// Writes docs/settings.md and the samples of settings files from the tables of settings, docs/doctor.md from that of checks: npm run docs
import { writeFileSync } from 'node:fs'
import { doctorMarkdown } from '../src/core/doctor/doctor-text.ts'
import { notifySample, settingsMarkdown, settingsSample } from '../src/core/settings-text.ts'

const docs = new URL('../docs/', import.meta.url)
writeFileSync(new URL('settings.md', docs), settingsMarkdown())
writeFileSync(new URL('modwarden.toml.sample', docs), settingsSample())
writeFileSync(new URL('notify.toml.sample', docs), notifySample())
writeFileSync(new URL('doctor.md', docs), doctorMarkdown())
