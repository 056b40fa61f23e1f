import assert from 'node:assert/strict'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { CHECKS } from '../../src/core/doctor/checks.ts'
import { v3Entry } from '../entries.ts'
import { modwarden, openFolder } from './modwarden.ts'

const folder = openFolder('modwarden-doctor-')
after(() => rmSync(folder, { recursive: true }))
const config = join(folder, 'modwarden.toml')
const log = join(folder, 'audit.log')
writeFileSync(config, `audit_log = "${log}"\ndatabase = "${folder}/modwarden.db"\nmodel_dir = "${folder}/models"\n`)
writeFileSync(log, v3Entry({ ip: '192.0.2.1', attack: true }))

test('doctor tells what is amiss with evidence and remedy, then every other check, and ends with 1 when something is bad', async () => {
  const { code, out, errors } = await modwarden(['--config', config, 'doctor'])
  assert.deepEqual([code, errors], [1, ''])
  assert.match(out, /^BAD {2}\S+ +.+\n(?: +seen: .+\n)? +do: {3}.+\n/)
  assert.match(out, /^BAD {2}service-running +the daemon does not run$/m)
  assert.match(out, new RegExp(`^ok {3}log-events +${log}: its last \\d+ bytes give 1 events$`, 'm'))
  for (const { id } of CHECKS) assert.match(out, new RegExp(`^(BAD |WARN|ok  |skip) ${id} `, 'm'))
  assert.match(out.trimEnd().split('\n').at(-1)!, /^\d+ bad, \d+ warnings?; \d+ fine, \d+ skipped$/)
  assert.deepEqual(readdirSync(folder).sort(), ['audit.log', 'modwarden.toml'], 'nothing was made')
})

test('doctor --json writes one object a line, all with the same fields', async () => {
  const { code, objects } = await modwarden(['--config', config, 'doctor', '--json'])
  assert.equal(code, 1)
  const fields = ['check', 'severity', 'about', 'what', 'evidence', 'remedy']
  for (const object of objects()) assert.deepEqual(Object.keys(object), fields)
  const running = objects().find(({ check }) => check === 'service-running')
  assert.deepEqual([running.severity, running.about, running.remedy], ['bad', null, 'modwarden run'])
})

test('wrong settings are a finding, not the end; a wrong option is wrong usage', async () => {
  const wrong = join(folder, 'wrong.toml')
  writeFileSync(wrong, 'mode = "destroy"\nblok_score = 3\n')
  const { code, out } = await modwarden(['--config', wrong, 'doctor'])
  assert.equal(code, 1)
  assert.match(
    out,
    /^BAD {2}settings +the settings are wrong\n +seen: .*must be .*; .*blok_score: unknown key.*\n +do: {3}modwarden check$/m,
  )
  assert.match(out, /^skip log-readable +the settings are wrong \(settings\)$/m)
  assert.equal((await modwarden(['doctor', '--fix'])).code, 64)
})
