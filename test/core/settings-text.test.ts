import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'smol-toml'
import { parseSettings } from '../../src/core/settings.ts'
import { parseNotifySettings } from '../../src/core/settings-notify.ts'
import { notifySample, settingsMarkdown, settingsSample } from '../../src/core/settings-text.ts'

const shipped = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')

test('docs/settings.md and the samples are what the tables say (npm run docs writes them)', () => {
  assert.equal(shipped('settings.md'), settingsMarkdown())
  assert.equal(shipped('modwarden.toml.sample'), settingsSample())
  assert.equal(shipped('notify.toml.sample'), notifySample())
})

test('the sample with every line taken in gives the defaults', () => {
  const values = parse(settingsSample().replace(/^#([a-z_0-9]+ = )/gm, '$1'))
  const settings = parseSettings([{ name: 'sample', values }])
  assert.deepEqual(settings, parseSettings([]))
  assert.ok(settings.ok)
  const notify = parseNotifySettings([{ name: 'sample', values: parse(notifySample().replace(/^#([a-z_0-9]+ = )/gm, '$1')) }])
  assert.deepEqual(notify, parseNotifySettings([]))
  assert.ok(notify.ok)
})
